using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Listening unix sockets for a process that only hands them on. <see cref="System.Net.Sockets.Socket"/> would start
/// its event loop, a thread and several milliseconds, for nothing.
/// </summary>
public static class UnixListener
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM = 1;

    /// <summary>A new socket file with exactly this mode. EADDRINUSE if the path exists.</summary>
    public static SafeFileHandle Bind(string path, uint mode = 0x180, int backlog = 128)
    {
        var handle = NewSocket(0, path);
        try
        {
            ForeignSocket.Bind(handle, UnixSocket.RawAddress(path), path);
            // Connecting is refused until listen, so nobody comes in through the mode the umask gave.
            Nodes.ChangeMode(path, mode);
            LinuxException.Check(Libc.listen(handle, backlog), "listen", path);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether somebody listens at a path. Answered at once; a listener whose backlog is full counts.
    /// </summary>
    public static unsafe bool IsListening(string path)
    {
        using var handle = NewSocket(OpenFlags.O_NONBLOCK, path);
        var address = UnixSocket.RawAddress(path);
        // SAFETY: pinned for the call, with its length.
        fixed (byte* pointer = address)
            return Libc.connect(handle, pointer, (uint)address.Length) == 0 || LinuxException.LastErrno == Errno.EAGAIN;
    }

    private static SafeFileHandle NewSocket(int flags, string path) =>
        DescriptorIo.Own(Libc.socket(AF_UNIX, SOCK_STREAM | OpenFlags.O_CLOEXEC | flags, 0), "socket", path);
}
