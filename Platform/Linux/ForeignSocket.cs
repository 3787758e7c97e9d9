using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>Sockets of address families the runtime does not know, or made by others.</summary>
internal static class ForeignSocket
{
    private const int SOL_SOCKET = 1;
    private const int SO_ERROR = 4;
    private const int SOCK_STREAM = 1;

    internal static SocketListener Listen(int family, ReadOnlySpan<byte> address, int backlog, string subject,
        PeerFilter? admits = null)
    {
        var socket = DescriptorIo.Own(
            Libc.socket(family, SOCK_STREAM | OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK, 0), "socket", subject);
        try
        {
            Bind(socket, address, subject);
            LinuxException.Check(Libc.listen(socket, backlog), "listen", subject);
            return new SocketListener(socket, admits);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    internal static async Task<Socket> ConnectAsync(
        int family, byte[] address, string subject, TimeSpan timeout, CancellationToken cancellation)
    {
        var socket = new SafeSocketHandle(
            LinuxException.Check(
                Libc.socket(family, SOCK_STREAM | OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK, 0), "socket", subject),
            ownsHandle: true);
        try
        {
            var errno = Connect(socket, address);
            if (errno is Errno.EINPROGRESS or Errno.EINTR)
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                limit.CancelAfter(timeout);
                try
                {
                    await Poller.WaitWritableAsync(socket, limit.Token);
                }
                catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
                {
                    throw new LinuxException(Errno.ETIMEDOUT, "connect", subject);
                }
                errno = PendingError(socket);
            }
            return errno == Errno.None ? Wrap(socket) : throw new LinuxException(errno, "connect", subject);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A socket over a descriptor made elsewhere. It is made blocking first: the runtime sets it non-blocking itself
    /// with the first asynchronous call, and without one a synchronous call would get EAGAIN.
    /// </summary>
    internal static Socket Wrap(SafeSocketHandle handle)
    {
        DescriptorIo.SetNonBlocking(handle, false);
        return new Socket(handle);
    }

    internal static unsafe void Bind(SafeHandle socket, ReadOnlySpan<byte> address, string subject)
    {
        // SAFETY: the address is pinned for the call, with its length.
        fixed (byte* pointer = address)
            LinuxException.Check(Libc.bind(socket, pointer, (uint)address.Length), "bind", subject);
    }

    private static unsafe Errno Connect(SafeHandle socket, byte[] address)
    {
        // SAFETY: pinned for the call, with its length.
        fixed (byte* pointer = address)
            return Libc.connect(socket, pointer, (uint)address.Length) == 0 ? Errno.None : LinuxException.LastErrno;
    }

    private static unsafe Errno PendingError(SafeHandle socket)
    {
        var error = 0;
        var size = 4u;
        // SAFETY: SO_ERROR is one integer.
        LinuxException.Check(
            Libc.getsockopt(socket, SOL_SOCKET, SO_ERROR, (byte*)&error, &size), "getsockopt", "SO_ERROR");
        return (Errno)error;
    }
}
