using System.Net;
using System.Net.Sockets;
using Kata.Adapters.Guest.Network;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>A server at Docker's address in a real network namespace. Needs root.</summary>
[Trait("category", "real")]
public sealed class DockerNameServerTests : NameServerContract, IDisposable
{
    private static readonly IPEndPoint DockersPlace = IPEndPoint.Parse("127.0.0.11:53");

    private readonly NetworkNamespaces _spaces = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("names").FullName;
    private readonly List<Socket> _server = [];

    protected override INameServer Port { get; } = new DockerNameServer(TimeProvider.System);

    protected override NetworkNamespacePath Namespace => new(HostPath.Parse(_spaces.PodPath, "namespace"));

    public void Dispose()
    {
        _server.ForEach(socket => socket.Dispose());
        _spaces.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    protected override HostPath ResolvConf(string server)
    {
        var path = Path.Combine(_folder, server);
        File.WriteAllText(path, $"search example.org\nnameserver {server}\n");
        return HostPath.Parse(path, "resolv.conf");
    }

    protected override void Place(bool isThere)
    {
        if (!isThere)
            return;
        _server.AddRange(Namespaces.RunInNetworkNamespace(_spaces.PodPath, () =>
        {
            var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            udp.Bind(DockersPlace);
            var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            tcp.Bind(DockersPlace);
            tcp.Listen();
            return new[] { udp, tcp };
        }));
        _ = AnswerDatagramAsync(_server[0]);
        _ = AnswerStreamAsync(_server[1]);
    }

    private static async Task AnswerDatagramAsync(Socket socket)
    {
        var buffer = new byte[512];
        var question = await socket.ReceiveFromAsync(buffer, DockersPlace);
        await socket.SendToAsync(buffer.AsMemory(0, question.ReceivedBytes), question.RemoteEndPoint);
    }

    private static async Task AnswerStreamAsync(Socket listener)
    {
        await using var stream = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
        if (await DnsStream.ReadAsync(stream, default) is { } question)
            await DnsStream.WriteAsync(stream, question, default);
    }
}
