using CsCheck;
using FluentAssertions;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

public sealed class SerialDialerTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(60));
    private readonly VmmDouble _vmm = new VmmDouble().Listen();

    private CancellationToken Ct => _limit.Token;

    public void Dispose()
    {
        _vmm.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task Dial_when_guest_opens_the_port_late_waits_for_its_answer()
    {
        var dial = new SerialDialer(_vmm.Serial, TimeProvider.System).DialOnceAsync(Ct);
        using var peer = await _vmm.AcceptAsync(Ct);
        var hello = await VmmDouble.ReadAsync(peer, SerialHello.Length, Ct);

        dial.IsCompleted.Should().BeFalse();
        await VmmDouble.WriteAsync(peer, hello, Ct);

        (await dial).Dispose();
        hello.Should().StartWith([255, 255, 255, 255, .. "KATAHX"u8]);
    }

    [Fact]
    public void Create_when_called_twice_greets_differently() =>
        SerialHello.Create().Should().NotEqual(SerialHello.Create());

    [Fact]
    public void Dial_when_stale_bytes_come_first_skips_exactly_those()
    {
        // Pieces that look like the greeting, in any order, are the hard case.
        var piece = Gen.OneOf(
            Gen.Byte.Array[0, 40],
            Gen.Const(new byte[] { 255 }),
            Gen.Const(new byte[] { 255, 255, 255, 255, 255 }),
            Gen.Const(SerialHello.Magic.ToArray()),
            Gen.Const(SerialHello.Create()));

        piece.Array[0, 8].Sample(
            pieces => SkipsAsync([.. pieces.SelectMany(p => p)]).GetAwaiter().GetResult(), iter: 60, threads: 1);
    }

    private async Task SkipsAsync(byte[] stale)
    {
        var dial = new SerialDialer(_vmm.Serial, TimeProvider.System).DialOnceAsync(Ct);
        using var peer = await _vmm.AcceptAsync(Ct);
        var hello = await VmmDouble.ReadAsync(peer, SerialHello.Length, Ct);

        await VmmDouble.WriteAsync(peer, [.. stale, .. hello[..10], .. hello, .. "next"u8], Ct);

        using var socket = await dial;
        (await VmmDouble.ReadAsync(socket, 4, Ct)).Should().Equal("next"u8.ToArray());
    }

    [Fact]
    public async Task Dial_when_vmm_closes_instead_may_be_tried_again()
    {
        var dial = new SerialDialer(_vmm.Serial, TimeProvider.System).DialOnceAsync(Ct);
        var peer = await _vmm.AcceptAsync(Ct);
        await VmmDouble.ReadAsync(peer, SerialHello.Length, Ct);

        peer.Dispose();

        await dial.Invoking(d => d).Should().ThrowAsync<NotListeningException>();
    }

    [Fact]
    public async Task Dial_when_guest_sends_other_things_for_ever_gives_up()
    {
        var dial = new SerialDialer(_vmm.Serial, TimeProvider.System) { MaxStale = 100_000 }.DialOnceAsync(Ct);
        using var peer = await _vmm.AcceptAsync(Ct);

        await VmmDouble.WriteAsync(peer, new byte[100_000], Ct);

        (await dial.Invoking(d => d).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
    }

    [Fact]
    public async Task Dial_when_tried_again_leaves_the_port_alone_for_a_moment()
    {
        var clock = new ManualClock();
        var dialer = new SerialDialer(_vmm.Serial, clock);
        var first = dialer.DialOnceAsync(Ct);
        (await _vmm.AcceptAsync(Ct)).Dispose();
        await first.Invoking(d => d).Should().ThrowAsync<NotListeningException>();

        var second = dialer.DialOnceAsync(Ct);
        var accept = _vmm.AcceptAsync(Ct);
        await clock.TimerAsync(SerialDialer.Pause);

        accept.IsCompleted.Should().BeFalse();
        clock.Advance(SerialDialer.Pause);
        using var peer = await accept;
        await VmmDouble.WriteAsync(peer, await VmmDouble.ReadAsync(peer, SerialHello.Length, Ct), Ct);
        (await second).Dispose();
    }
}
