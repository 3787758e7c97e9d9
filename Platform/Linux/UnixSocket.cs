using System.Net.Sockets;

namespace Kata.Platform.Linux;

/// <summary>What <see cref="Socket"/> leaves out about unix sockets.</summary>
public static class UnixSocket
{
    private const int SOL_SOCKET = 1;
    private const int SO_PEERCRED = 17;

    /// <summary>A new socket file with exactly this mode. EADDRINUSE if the path exists.</summary>
    public static Socket Listen(string path, uint mode = 0x180, int backlog = 128)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            Bind(socket, path);
            // Connecting is refused until listen, so nobody comes in through the mode the umask gave.
            if (!path.StartsWith('@'))
                Nodes.ChangeMode(path, mode);
            socket.Listen(backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
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
        LinuxException.Check(Libc.getsockopt(socket.SafeHandle, SOL_SOCKET, SO_PEERCRED, (byte*)words, &size), "getsockopt", "SO_PEERCRED");
        return new PeerCredentials((int)words[0], words[1], words[2]);
    }

    private static void Bind(Socket socket, string path)
    {
        try
        {
            socket.Bind(Address(path));
        }
        catch (SocketException refused)
        {
            throw new LinuxException((Errno)(refused.NativeErrorCode), "bind", path);
        }
    }
}

/// <summary>A peer of a unix socket.</summary>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);
