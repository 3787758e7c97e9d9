using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Open files through unix sockets (SCM_RIGHTS).</summary>
public static class FdPassing
{
    private const int SOL_SOCKET = 1;
    private const int SCM_RIGHTS = 1;
    private const int MSG_NOSIGNAL = 0x4000;
    private const int MSG_CMSG_CLOEXEC = 0x40000000;
    private const int MSG_CTRUNC = 8;
    private const int SizeOfHeader = 16;

    /// <summary>No console or migration peer sends more at once; more are refused.</summary>
    private const int MaxDescriptors = 16;

    /// <summary>
    /// Sends bytes, at least one, with open files beside them. False if a non-blocking socket is full.
    /// </summary>
    public static unsafe bool TrySend(
        SafeHandle socket, ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeHandle> handles)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(handles.Length, MaxDescriptors);
        var control = stackalloc byte[ControlSize(MaxDescriptors)];
        var held = 0;
        try
        {
            for (; held < handles.Length; held++)
            {
                var taken = false;
                handles[held].DangerousAddRef(ref taken);
                ((int*)(control + SizeOfHeader))[held] = (int)handles[held].DangerousGetHandle();
            }
            *(nuint*)control = (nuint)(SizeOfHeader + (4 * handles.Length));
            ((int*)control)[2] = SOL_SOCKET;
            ((int*)control)[3] = SCM_RIGHTS;
            // SAFETY: the bytes are pinned, the control block holds one cmsghdr with the descriptors, all lengths are
            // theirs.
            fixed (byte* pointer = bytes)
            {
                var vector = new Libc.Iovec { iov_base = pointer, iov_len = (nuint)bytes.Length };
                var message = new Libc.Msghdr
                {
                    msg_iov = &vector,
                    msg_iovlen = 1,
                    msg_control = handles.IsEmpty ? null : control,
                    msg_controllen = handles.IsEmpty ? 0 : (nuint)ControlSize(handles.Length),
                };
                while (Libc.sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
                {
                    if (LinuxException.LastErrno == Errno.EAGAIN)
                        return false;
                    if (LinuxException.LastErrno != Errno.EINTR)
                        throw LinuxException.Last("sendmsg", DescriptorIo.Describe(socket));
                }
                return true;
            }
        }
        finally
        {
            while (--held >= 0)
                handles[held].DangerousRelease();
        }
    }

    /// <summary>
    /// Receives bytes and the open files sent with them, close-on-exec, which the caller then owns. -1 if there is
    /// nothing yet, 0 at the end.
    /// </summary>
    public static unsafe int TryReceive(SafeHandle socket, Span<byte> buffer, IList<SafeFileHandle> handles)
    {
        var control = stackalloc byte[ControlSize(MaxDescriptors)];
        // SAFETY: the buffer is pinned, both lengths are true; cmsg lengths are checked against what the kernel
        // returned.
        fixed (byte* pointer = buffer)
        {
            var vector = new Libc.Iovec { iov_base = pointer, iov_len = (nuint)buffer.Length };
            Libc.Msghdr message;
            nint received;
            do
            {
                message = new Libc.Msghdr
                {
                    msg_iov = &vector,
                    msg_iovlen = 1,
                    msg_control = control,
                    msg_controllen = (nuint)ControlSize(MaxDescriptors),
                };
                received = Libc.recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
            }
            while (received < 0 && LinuxException.LastErrno == Errno.EINTR);
            if (received < 0)
                return LinuxException.LastErrno == Errno.EAGAIN
                    ? -1
                    : throw LinuxException.Last("recvmsg", DescriptorIo.Describe(socket));

            var before = handles.Count;
            for (nuint offset = 0; offset + SizeOfHeader <= message.msg_controllen;)
            {
                var length = *(nuint*)(control + offset);
                if (length < SizeOfHeader || length > message.msg_controllen - offset)
                    break;
                var fields = (int*)(control + offset);
                if (fields[2] == SOL_SOCKET && fields[3] == SCM_RIGHTS)
                {
                    for (nuint at = SizeOfHeader; at + 4 <= length; at += 4)
                        handles.Add(new SafeFileHandle(*(int*)(control + offset + at), true));
                }
                offset += (length + 7) & ~(nuint)7;
            }
            if ((message.msg_flags & MSG_CTRUNC) != 0)
            {
                while (handles.Count > before)
                {
                    handles[^1].Dispose();
                    handles.RemoveAt(handles.Count - 1);
                }
                throw new LinuxException(Errno.EMSGSIZE, "recvmsg", $"more than {MaxDescriptors} descriptors");
            }
            return (int)received;
        }
    }

    /// <summary>Waits for bytes with open files; the socket must be non-blocking.</summary>
    public static async Task<int> ReceiveAsync(
        SafeHandle socket, Memory<byte> buffer, IList<SafeFileHandle> handles, CancellationToken cancellation = default)
    {
        while (true)
        {
            var received = TryReceive(socket, buffer.Span, handles);
            if (received >= 0)
                return received;
            await Poller.WaitReadableAsync(socket, cancellation);
        }
    }

    private static int ControlSize(int descriptors) => SizeOfHeader + (((4 * descriptors) + 7) & ~7);
}
