using System.Net.Sockets;
using Kata.Core.Domain;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>Connecting to a unix socket of the VMM, and reading it without taking a byte too many.</summary>
internal static class VmmSocket
{
    public static async Task<Socket> ConnectAsync(string path, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
            return socket;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            socket.Dispose();
            throw new KataException(
                ErrorKind.PermissionDenied, $"connecting to the guest at {path} was refused by the host: {e.Message}",
                e);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new NotListeningException($"{path}: {e.Message}", e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends all of it; a peer that is gone is one that does not listen.</summary>
    public static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        try
        {
            while (data.Length > 0)
                data = data[await socket.SendAsync(data, SocketFlags.None, ct)..];
        }
        catch (SocketException e)
        {
            throw new NotListeningException($"closed while saying hello: {e.Message}", e);
        }
    }

    /// <summary>Reads at least one byte.</summary>
    public static async Task<int> ReceiveAsync(Socket socket, Memory<byte> buffer, CancellationToken ct)
    {
        int n;
        try
        {
            n = await socket.ReceiveAsync(buffer, SocketFlags.None, ct);
        }
        catch (SocketException e)
        {
            throw new NotListeningException($"closed instead of answering: {e.Message}", e);
        }

        return n > 0 ? n : throw new NotListeningException("closed instead of answering");
    }
}
