using FluentAssertions;
using Kata.Adapters.Shimv2.Events;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class EventQueueTests
{
    private readonly EventQueue<string> _queue = new(3, item => item.StartsWith("exit", StringComparison.Ordinal));

    [Fact]
    public async Task Peek_keeps_the_head_in_its_place()
    {
        _queue.Add("a");
        _queue.Add("b");

        (await _queue.PeekAsync(CancellationToken.None)).Should().Be("a");
        (await _queue.PeekAsync(CancellationToken.None)).Should().Be("a");
        _queue.Remove("a");
        (await _queue.PeekAsync(CancellationToken.None)).Should().Be("b");
    }

    [Fact]
    public void Add_when_full_gives_up_the_oldest_that_is_no_exit()
    {
        foreach (var item in (string[])["exit 1", "b", "c"])
            _queue.Add(item).Should().BeNull();

        _queue.Add("exit 2").Should().Be("b");
        _queue.Add("exit 3").Should().Be("c");
        _queue.Add("exit 4").Should().Be("exit 1");
        _queue.Count.Should().Be(3);
    }

    [Fact]
    public void Add_when_full_of_exits_gives_up_what_came_if_it_is_none()
    {
        foreach (var item in (string[])["exit 1", "exit 2", "exit 3"])
            _queue.Add(item);

        _queue.Add("d").Should().Be("d");
    }

    [Fact]
    public async Task Peek_when_empty_waits_for_an_arrival()
    {
        var peek = _queue.PeekAsync(CancellationToken.None);
        peek.IsCompleted.Should().BeFalse();

        _queue.Add("a");

        (await peek).Should().Be("a");
    }

    [Fact]
    public async Task Empty_completes_when_the_last_has_been_removed()
    {
        _queue.EmptyAsync().IsCompleted.Should().BeTrue();
        _queue.Add("a");
        var empty = _queue.EmptyAsync();
        empty.IsCompleted.Should().BeFalse();

        _queue.Remove("a");

        await empty;
    }

    [Fact]
    public async Task Peek_when_cancelled_ends()
    {
        using var cancel = new CancellationTokenSource();
        var peek = _queue.PeekAsync(cancel.Token);

        await cancel.CancelAsync();

        await FluentActions.Awaiting(() => peek).Should().ThrowAsync<OperationCanceledException>();
    }
}
