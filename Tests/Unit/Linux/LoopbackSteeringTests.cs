using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public sealed class LoopbackSteeringTests : IAsyncLifetime
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"kata-steering-{Guid.NewGuid():N}");

    public Task InitializeAsync() =>
        Environment.IsPrivilegedProcess ? Namespaces.CreateNetworkNamespaceAsync(_path) : Task.CompletedTask;

    public Task DisposeAsync()
    {
        if (Environment.IsPrivilegedProcess)
            Namespaces.Remove(_path);
        return Task.CompletedTask;
    }

    [RootFact]
    public async Task Connect_to_localhost_where_nobody_listens_reaches_the_listener_and_tells_the_port()
    {
        foreach (var (address, port) in new[] { ("127.0.0.1", 8080), ("127.9.8.7", 1), ("::1", 65535) })
            await ReachAsync(address, port);
    }

    private async Task ReachAsync(string address, int port)
    {
        using var steering = await LoopbackSteering.OpenAsync(_path);
        var endpoint = new IPEndPoint(IPAddress.Parse(address), port);

        using var dialled = Namespaces.RunInNetworkNamespace(_path, () => Dial(endpoint));

        using var accepted = await (endpoint.AddressFamily == AddressFamily.InterNetwork ? steering.V4 : steering.V6!)
            .AcceptAsync();
        ((IPEndPoint)accepted.LocalEndPoint!).Should().Be(endpoint);
        await dialled.SendAsync("hello"u8.ToArray());
        var buffer = new byte[8];
        (await accepted.ReceiveAsync(buffer)).Should().Be(5);
    }

    [RootFact]
    public async Task Connect_after_the_end_is_refused_again()
    {
        (await LoopbackSteering.OpenAsync(_path)).Dispose();

        var dial = () => Namespaces.RunInNetworkNamespace(_path, () => Dial(new IPEndPoint(IPAddress.Loopback, 8080)));

        dial.Should().Throw<SocketException>().Which.SocketErrorCode.Should().Be(SocketError.ConnectionRefused);
    }

    private static Socket Dial(IPEndPoint endpoint)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(endpoint);
        return socket;
    }
}
