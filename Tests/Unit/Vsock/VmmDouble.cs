using System.Net.Sockets;
using System.Text;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Unit.Vsock;

/// <summary>A unix socket on which a test plays the VMM, byte by byte.</summary>
internal sealed class VmmDouble : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-vmm-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public string Path => System.IO.Path.Combine(_directory, "v.sock");

    public HybridVsockEndpoint Hybrid => new(HostPath.Parse(Path, "socket"), 1024);

    public SerialEndpoint Serial => new(HostPath.Parse(Path, "socket"));

    public VmmDouble Listen()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
        return this;
    }

    public Task<Socket> AcceptAsync(CancellationToken ct) => _listener.AcceptAsync(ct).AsTask();

    public static async Task<byte[]> ReadAsync(Socket socket, int length, CancellationToken ct)
    {
        var bytes = new byte[length];
        for (var have = 0; have < length;)
        {
            var n = await socket.ReceiveAsync(bytes.AsMemory(have), SocketFlags.None, ct);
            have += n > 0 ? n : throw new EndOfStreamException();
        }

        return bytes;
    }

    public static Task WriteAsync(Socket socket, string text, CancellationToken ct) =>
        WriteAsync(socket, Encoding.Latin1.GetBytes(text), ct);

    public static async Task WriteAsync(Socket socket, byte[] bytes, CancellationToken ct)
    {
        for (var sent = 0; sent < bytes.Length;)
            sent += await socket.SendAsync(bytes.AsMemory(sent), SocketFlags.None, ct);
    }

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
