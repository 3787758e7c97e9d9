using FluentAssertions;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Shimv2;

public sealed class IdleMemoryTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly IdleMemory _memory;
    private long _allocated;
    private int _released;

    public IdleMemoryTests() => _memory = new IdleMemory(_time, () => _allocated, () => _released++);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Release_when_no_call_has_come_is_made_once()
    {
        _time.Advance(IdleMemory.Quiet - TimeSpan.FromMilliseconds(1));
        _released.Should().Be(0);

        _time.Advance(TimeSpan.FromHours(1));

        _released.Should().Be(1);
    }

    [Fact]
    public async Task Release_waits_for_the_last_call_that_runs()
    {
        var first = new TaskCompletionSource<int>();
        var second = new TaskCompletionSource<int>();
        var calls = new[] { _memory.BusyAsync(() => first.Task), _memory.BusyAsync(() => second.Task) };

        first.SetResult(1);
        _time.Advance(TimeSpan.FromHours(1));
        _released.Should().Be(0);
        second.SetException(new InvalidOperationException());
        _time.Advance(IdleMemory.Quiet);

        _released.Should().Be(1);
        (await calls[0]).Should().Be(1);
        await FluentActions.Awaiting(() => calls[1]).Should().ThrowAsync<InvalidOperationException>();
    }

    [Fact]
    public async Task Release_after_a_call_that_allocated_little_is_not_worth_it()
    {
        _time.Advance(IdleMemory.Quiet);

        _allocated += IdleMemory.Worth - 1;
        await _memory.BusyAsync(() => Task.FromResult(0));
        _time.Advance(IdleMemory.Quiet);
        _released.Should().Be(1);
        _allocated++;
        await _memory.BusyAsync(() => Task.FromResult(0));
        _time.Advance(IdleMemory.Quiet);

        _released.Should().Be(2);
    }
}
