using System.Net.Sockets;
using System.Text;

namespace Kata.Platform.Linux;

/// <summary>What <see cref="Socket"/> leaves out about unix sockets.</summary>
public static class UnixSocket
{
    private const int AF_UNIX = 1;
    private const int SOCK_STREAM = 1;
    private const int LongestAddress = 110;
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;

    /// <summary>
    /// A new socket file with exactly this mode. EADDRINUSE if the path exists. Disposing of the socket leaves the
    /// file, so that a process can go on with an inherited listener after we close ours.
    /// </summary>
    public static Socket Listen(string path, uint mode = 0x180, int backlog = 128)
    {
        var handle = new SafeSocketHandle(
            LinuxException.Check(Libc.socket(AF_UNIX, SOCK_STREAM | OpenFlags.O_CLOEXEC, 0), "socket", path),
            ownsHandle: true);
        try
        {
            ForeignSocket.Bind(handle, RawAddress(path), path);
            // Connecting is refused until listen, so nobody comes in through the mode the umask gave.
            if (path[0] != '@')
                Nodes.ChangeMode(path, mode);
            LinuxException.Check(Libc.listen(handle, backlog), "listen", path);
            return ForeignSocket.Wrap(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <param name="path">A path; a leading @ means the abstract name that follows.</param>
    public static async Task<Socket> ConnectAsync(string path, CancellationToken cancellation = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(Address(path), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The address of a path, or of an abstract name after @.</summary>
    public static UnixDomainSocketEndPoint Address(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path);
    }

    /// <summary>Takes over a unix socket this process was started with, listening or connected.</summary>
    public static Socket FromInheritedDescriptor(int descriptor)
    {
        var handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        DescriptorIo.SetCloseOnExec(handle, true);
        return ForeignSocket.Wrap(handle);
    }

    /// <summary>Who connected, as it was when it did.</summary>
    public static unsafe PeerCredentials Peer(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        var words = stackalloc uint[3];
        var size = 12u;
        // SAFETY: struct ucred is three 32-bit words.
        LinuxException.Check(
            Libc.getsockopt(socket.SafeHandle, SOL_SOCKET, SO_PEERCRED, (byte*)words, &size), "getsockopt",
            "SO_PEERCRED");
        return new PeerCredentials((int)words[0], words[1], words[2]);
    }

    /// <summary><c>struct sockaddr_un</c>: family, then a path with its NUL, or a NUL and the abstract name.</summary>
    internal static byte[] RawAddress(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] address = path[0] == '@'
            ? [AF_UNIX, 0, 0, .. Encoding.UTF8.GetBytes(path[1..])]
            : [AF_UNIX, 0, .. Encoding.UTF8.GetBytes(path), 0];
        return address.Length <= LongestAddress ? address : throw new LinuxException(Errno.ENAMETOOLONG, "bind", path);
    }
}

/// <summary>A peer of a unix socket.</summary>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);
