using System.Net.Sockets;
using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Vsock.Agent;
using Kata.Adapters.Vsock.Dialing;
using Kata.Apps.Agent.Serving;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

/// <summary>Our dialer and our agent on the two ends of one port.</summary>
public sealed class SerialChannelTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(60));
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-serial-").FullName;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TtrpcServer _server = new(new TtrpcServerOptions { Reader = ReaderKind.BlockingThread });
    private PortDouble _port = null!;

    private CancellationToken Ct => _limit.Token;

    private SerialEndpoint Endpoint => new(HostPath.Parse(Path.Combine(_directory, "p.sock"), "socket"));

    public Task InitializeAsync()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Endpoint.Socket.Value));
        _listener.Listen();
        _port = new PortDouble(_listener);
        _server.AddService(b => Health.BindService(b, new AlwaysServing()));
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _listener.Dispose();
        await _server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
        _limit.Dispose();
    }

    [Fact]
    public async Task Connect_when_guest_opens_the_port_later_is_answered()
    {
        var connect = new TtrpcAgentConnector(TimeProvider.System).ConnectAsync(Endpoint, Ct);
        await _port.PlugAsync(Ct);

        BootGuest();

        await using var agent = await connect;
        await agent.CheckAsync(Ct);
    }

    [Fact]
    public async Task Connect_when_host_went_away_and_comes_back_begins_anew()
    {
        BootGuest();
        for (var i = 0; i < 3; i++)
        {
            var connect = new TtrpcAgentConnector(TimeProvider.System).ConnectAsync(Endpoint, Ct);
            await _port.PlugAsync(Ct);
            await using var agent = await connect;
            await agent.CheckAsync(Ct);
        }
    }

    [Fact]
    public async Task Connect_when_the_last_host_died_inside_a_frame_begins_anew()
    {
        BootGuest();
        var dial = new SerialDialer(Endpoint, TimeProvider.System).DialOnceAsync(Ct);
        await _port.PlugAsync(Ct);
        using (var dying = await dial)
            await VmmDouble.WriteAsync(dying, [0, 0, 16, 0, 0, 0, 0, 1, 1, 0, 7, 7, 7], Ct);

        var connect = new TtrpcAgentConnector(TimeProvider.System).ConnectAsync(Endpoint, Ct);
        // A guest that has not noticed takes the first greeting for the rest of the frame; the dialer then comes again.
        while (!connect.IsCompleted)
            await Task.WhenAny(connect, _port.PlugAsync(Ct));

        await using var agent = await connect;
        await agent.CheckAsync(Ct);
    }

    [Fact]
    public async Task Greet_when_a_session_is_under_way_replaces_it()
    {
        BootGuest();
        var dial = new SerialDialer(Endpoint, TimeProvider.System).DialOnceAsync(Ct);
        await _port.PlugAsync(Ct);
        using var socket = await dial;
        var hello = SerialHello.Create();

        await VmmDouble.WriteAsync(socket, hello, Ct);

        (await VmmDouble.ReadAsync(socket, hello.Length, Ct)).Should().Equal(hello);
        await using var client = new TtrpcClient(socket);
        (await new Health.HealthClient(client).CheckAsync(new CheckRequest(), cancellationToken: Ct))
            .Status.Should().Be(HealthCheckResponse.Types.ServingStatus.Serving);
    }

    [Fact]
    public async Task Greet_when_the_guest_has_lost_the_thread_is_found_among_garbage()
    {
        BootGuest();
        var dial = new SerialDialer(Endpoint, TimeProvider.System).DialOnceAsync(Ct);
        await _port.PlugAsync(Ct);
        using var socket = await dial;
        var hello = SerialHello.Create();

        await VmmDouble.WriteAsync(socket, [255, 255, 255, 255, 255, 1, 2, 3, .. "KATAHX"u8, 255, 255, .. hello], Ct);

        (await VmmDouble.ReadAsync(socket, hello.Length, Ct)).Should().Equal(hello);
    }

    /// <summary>What the agent's serial thread does, for the life of the machine.</summary>
    private void BootGuest()
    {
        var port = new SerialSessions(_port);
        var thread = new Thread(() =>
        {
            while (!_limit.IsCancellationRequested)
                _server.ServeConnectionAsync(port.Accept(), CancellationToken.None).GetAwaiter().GetResult();
        })
        {
            IsBackground = true,
        };
        thread.Start();
    }

    private sealed class AlwaysServing : Health.HealthBase
    {
        public override Task<HealthCheckResponse> Check(CheckRequest request, ServerCallContext context) =>
            Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
    }
}
