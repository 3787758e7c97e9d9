using System.Diagnostics;
using FluentAssertions;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Tests.Scripted;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

public sealed class TtrpcAgentConnectorTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-connect-").FullName;
    private readonly TtrpcAgentConnector _connector = new(TimeProvider.System);

    private CancellationToken Ct => _limit.Token;

    private string SocketPath => Path.Combine(_directory, "a.sock");

    private HybridVsockEndpoint Hybrid => new(HostPath.Parse(SocketPath, "socket"), ScriptedAgent.Port);

    public void Dispose()
    {
        Directory.Delete(_directory, recursive: true);
        _limit.Dispose();
    }

    [Theory]
    [InlineData(ScriptedChannel.Hybrid)]
    [InlineData(ScriptedChannel.Serial)]
    public async Task Connect_when_listener_comes_late_succeeds(ScriptedChannel channel)
    {
        GuestEndpoint endpoint = channel == ScriptedChannel.Hybrid ? Hybrid : new SerialEndpoint(Hybrid.Socket);
        var connect = _connector.ConnectAsync(endpoint, Ct);

        await using var guest = ScriptedAgent.Listen(SocketPath, channel);

        await using var agent = await connect;
        guest.Calls[0].Method.Should().Be("Check");
    }

    [Fact]
    public async Task Connect_when_guest_takes_the_connection_and_drops_it_tries_again()
    {
        using var vmm = new VmmDouble().Listen();
        var connect = _connector.ConnectAsync(vmm.Hybrid, Ct);
        for (var i = 0; i < 3; i++)
        {
            using var early = await vmm.AcceptAsync(Ct);
            await VmmDouble.ReadAsync(early, "CONNECT 1024\n".Length, Ct);
            await VmmDouble.WriteAsync(early, i == 1 ? "" : "OK 1\n", Ct);
        }

        using var last = await vmm.AcceptAsync(Ct);
        await VmmDouble.WriteAsync(last, "OK 1\n", Ct);
        await VmmDouble.ReadAsync(last, "CONNECT 1024\n".Length + 10, Ct);

        // Response of stream 1: status absent, payload of a health answer { status: SERVING }.
        await VmmDouble.WriteAsync(last, [0, 0, 0, 4, 0, 0, 0, 1, 2, 0, 0x12, 2, 8, 1], Ct);

        await (await connect).DisposeAsync();
    }

    [Fact]
    public async Task Connect_when_nobody_ever_answers_says_what_and_after_how_long()
    {
        using var vmm = new VmmDouble().Listen();
        using var deadline = new CancellationTokenSource();
        var connect = _connector.ConnectAsync(vmm.Hybrid, deadline.Token);
        for (var i = 0; i < 3; i++)
            (await vmm.AcceptAsync(Ct)).Dispose();

        await deadline.CancelAsync();

        var failure = (await connect.Invoking(c => c).Should().ThrowAsync<KataException>()).Which;
        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain(vmm.Hybrid.ToString()).And.MatchRegex(@"within \d+\.\d s")
            .And.MatchRegex(@"\d tries; last: .*closed");
    }

    [Fact]
    public async Task Connect_when_agent_never_answers_the_check_says_so()
    {
        await using var guest = ScriptedAgent.Listen(SocketPath);
        guest.Hold("Check");
        using var deadline = new CancellationTokenSource();
        var connect = _connector.ConnectAsync(Hybrid, deadline.Token);
        await guest.RequestAsync<CheckRequest>("Check");

        await deadline.CancelAsync();

        (await connect.Invoking(c => c).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        guest.Release("Check");
    }

    [Fact]
    public async Task Connect_when_machine_has_died_ends_at_once()
    {
        using var died = new CancellationTokenSource();
        var connect = _connector.ConnectAsync(Hybrid, died.Token);
        var since = Stopwatch.GetTimestamp();

        await died.CancelAsync();

        await connect.Invoking(c => c).Should().ThrowAsync<KataException>();
        Stopwatch.GetElapsedTime(since).Should().BeLessThan(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Connect_when_answer_is_garbage_does_not_try_again()
    {
        using var vmm = new VmmDouble().Listen();
        var connect = _connector.ConnectAsync(vmm.Hybrid, Ct);
        using var peer = await vmm.AcceptAsync(Ct);

        await VmmDouble.WriteAsync(peer, "SSH-2.0-x\n", Ct);

        (await connect.Invoking(c => c).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
    }
}
