using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Reading and writing any descriptor: fifos, pipes, terminals, character devices, sockets.
/// The asynchronous forms want a non-blocking descriptor and wait in <see cref="Poller"/>.
/// </summary>
public static class DescriptorIo
{
    private const int F_DUPFD_CLOEXEC = 1030;
    private const int F_GETFD = 1;
    private const int F_SETFD = 2;
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int FD_CLOEXEC = 1;

    /// <summary>Opens <paramref name="path"/>; <c>O_CLOEXEC</c> is always added.</summary>
    public static SafeFileHandle Open(string path, int flags, uint mode = 0) =>
        Own(Libc.open(path, flags | OpenFlags.O_CLOEXEC, mode), "open", path);

    /// <summary>
    /// Takes over a descriptor number this process was started with, and keeps it from its own children.
    /// </summary>
    public static SafeFileHandle FromInherited(int descriptor)
    {
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        SetCloseOnExec(handle, true);
        return handle;
    }

    public static SafeFileHandle Duplicate(SafeHandle handle) =>
        Own(Libc.fcntl(handle, F_DUPFD_CLOEXEC, 3), "fcntl", Describe(handle));

    /// <summary>A copy of <paramref name="handle"/> numbered <paramref name="lowest"/> or higher.</summary>
    internal static SafeFileHandle DuplicateAbove(SafeHandle handle, int lowest) =>
        Own(Libc.fcntl(handle, F_DUPFD_CLOEXEC, lowest), "fcntl", Describe(handle));

    public static void SetNonBlocking(SafeHandle handle, bool nonBlocking = true)
    {
        var flags = LinuxException.Check(Libc.fcntl(handle, F_GETFL, 0), "fcntl", Describe(handle));
        var wanted = nonBlocking ? flags | OpenFlags.O_NONBLOCK : flags & ~OpenFlags.O_NONBLOCK;
        if (wanted != flags)
            LinuxException.Check(Libc.fcntl(handle, F_SETFL, wanted), "fcntl", Describe(handle));
    }

    public static void SetCloseOnExec(SafeHandle handle, bool closeOnExec)
    {
        var flags = LinuxException.Check(Libc.fcntl(handle, F_GETFD, 0), "fcntl", Describe(handle));
        var wanted = closeOnExec ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
        LinuxException.Check(Libc.fcntl(handle, F_SETFD, wanted), "fcntl", Describe(handle));
    }

    /// <summary>One <c>read(2)</c>. 0 is the end; -1 means a non-blocking descriptor has nothing yet.</summary>
    public static unsafe int TryRead(SafeHandle handle, Span<byte> buffer)
    {
        while (true)
        {
            nint read;
            // SAFETY: the buffer is pinned for the call and the count is its length.
            fixed (byte* pointer = buffer)
                read = Libc.read(handle, pointer, (nuint)buffer.Length);
            if (read >= 0)
                return (int)read;
            if (!WouldBlock("read", handle))
                continue;
            return -1;
        }
    }

    /// <summary>One <c>write(2)</c>. -1 means a non-blocking descriptor takes nothing now.</summary>
    public static unsafe int TryWrite(SafeHandle handle, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            nint written;
            // SAFETY: the bytes are pinned for the call and the count is their length.
            fixed (byte* pointer = bytes)
                written = Libc.write(handle, pointer, (nuint)bytes.Length);
            if (written >= 0)
                return (int)written;
            if (!WouldBlock("write", handle))
                continue;
            return -1;
        }
    }

    /// <summary>Reads what there is, waiting until there is something. 0 is the end.</summary>
    public static async ValueTask<int> ReadAsync(
        SafeHandle handle, Memory<byte> buffer, CancellationToken cancellation = default)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var read = TryRead(handle, buffer.Span);
            if (read >= 0)
                return read;
            await Poller.WaitReadableAsync(handle, cancellation);
        }
    }

    /// <summary>Writes all of <paramref name="bytes"/>, waiting whenever the other side is full.</summary>
    public static async ValueTask WriteAsync(
        SafeHandle handle, ReadOnlyMemory<byte> bytes, CancellationToken cancellation = default)
    {
        while (!bytes.IsEmpty)
        {
            cancellation.ThrowIfCancellationRequested();
            var written = TryWrite(handle, bytes.Span);
            if (written >= 0)
                bytes = bytes[written..];
            else
                await Poller.WaitWritableAsync(handle, cancellation);
        }
    }

    /// <summary>Writes all of <paramref name="bytes"/> to a blocking descriptor.</summary>
    public static void Write(SafeHandle handle, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var written = TryWrite(handle, bytes);
            if (written < 0)
                throw new LinuxException(Errno.EAGAIN, "write", Describe(handle));
            bytes = bytes[written..];
        }
    }

    /// <summary>
    /// Hands <paramref name="bytes"/> over in one <c>write(2)</c>, which an <c>O_APPEND</c> file takes whole or not at
    /// all.
    /// </summary>
    public static void Append(SafeHandle handle, ReadOnlySpan<byte> bytes)
    {
        if (TryWrite(handle, bytes) != bytes.Length)
            throw new LinuxException(Errno.ENOSPC, "write", Describe(handle));
    }

    internal static SafeFileHandle Own(int descriptor, string call, string subject) =>
        new(LinuxException.Check(descriptor, call, subject), ownsHandle: true);

    internal static string Describe(SafeHandle handle) => $"fd {handle.DangerousGetHandle()}";

    /// <summary>True for EAGAIN, false for EINTR; anything else is thrown.</summary>
    private static bool WouldBlock(string call, SafeHandle handle) => LinuxException.LastErrno switch
    {
        Errno.EAGAIN => true,
        Errno.EINTR => false,
        var errno => throw new LinuxException(errno, call, Describe(handle)),
    };
}
