using System.Text;
using FluentAssertions;
using Kata.Adapters.Vsock.Dialing;
using Kata.Core.Domain;
using Xunit;

namespace Kata.Tests.Unit.Vsock;

public sealed class HybridVsockDialerTests : IDisposable
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));
    private readonly VmmDouble _vmm = new();

    private CancellationToken Ct => _limit.Token;

    public void Dispose()
    {
        _vmm.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task Dial_when_vmm_agrees_asks_for_the_port_and_leaves_the_stream_untouched()
    {
        var dial = new HybridVsockDialer(_vmm.Listen().Hybrid).DialOnceAsync(Ct);
        using var peer = await _vmm.AcceptAsync(Ct);

        var request = await VmmDouble.ReadAsync(peer, "CONNECT 1024\n".Length, Ct);
        await VmmDouble.WriteAsync(peer, "OK 5000\nnext", Ct);

        Encoding.ASCII.GetString(request).Should().Be("CONNECT 1024\n");
        using var socket = await dial;
        (await VmmDouble.ReadAsync(socket, 4, Ct)).Should().Equal("next"u8.ToArray());
    }

    [Fact]
    public async Task Dial_when_socket_is_missing_may_be_tried_again()
    {
        var dial = new HybridVsockDialer(_vmm.Hybrid).DialOnceAsync(Ct);

        await dial.Invoking(d => d).Should().ThrowAsync<NotListeningException>();
    }

    [Theory]
    [InlineData("")]
    [InlineData("O")]
    [InlineData("OK 50")]
    public async Task Dial_when_vmm_closes_early_may_be_tried_again(string before)
    {
        var dial = new HybridVsockDialer(_vmm.Listen().Hybrid).DialOnceAsync(Ct);
        var peer = await _vmm.AcceptAsync(Ct);
        await VmmDouble.ReadAsync(peer, "CONNECT 1024\n".Length, Ct);
        await VmmDouble.WriteAsync(peer, before, Ct);

        peer.Dispose();

        await dial.Invoking(d => d).Should().ThrowAsync<NotListeningException>();
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request")]
    [InlineData("OKAY\n", "OKAY")]
    [InlineData("\n", "")]
    [InlineData("012345678901234567890123456789012345678901234567890", "01234567890123456789012345678901")]
    public async Task Dial_when_answer_is_garbage_quotes_it_and_gives_up(string answer, string quoted)
    {
        var dial = new HybridVsockDialer(_vmm.Listen().Hybrid).DialOnceAsync(Ct);
        using var peer = await _vmm.AcceptAsync(Ct);

        await VmmDouble.WriteAsync(peer, answer, Ct);

        var failure = (await dial.Invoking(d => d).Should().ThrowAsync<KataException>()).Which;
        failure.Kind.Should().Be(ErrorKind.Unavailable);
        failure.Message.Should().Contain($"\"{quoted}\"");
    }

    [Fact]
    public async Task Dial_when_handshake_is_never_answered_is_given_up_after_its_limit()
    {
        var clock = new ManualClock();
        var dial = new DialResilience(clock).BoundedAsync(
            new HybridVsockDialer(_vmm.Listen().Hybrid).DialOnceAsync, Ct);
        using var peer = await _vmm.AcceptAsync(Ct);
        await VmmDouble.ReadAsync(peer, "CONNECT 1024\n".Length, Ct);

        clock.Advance(DialResilience.PerDial);

        (await dial.Invoking(d => d).Should().ThrowAsync<NotListeningException>()).WithMessage("*no answer*10 s*");
    }
}
