using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

public sealed class OwnThreadTests
{
    [Fact]
    public async Task Run_when_given_up_ends_at_once_and_disposes_of_what_comes_late()
    {
        using var answer = new ManualResetEventSlim();
        using var given = new CancellationTokenSource();
        var late = new Late();
        var running = OwnThread.RunAsync(
            () =>
            {
                answer.Wait();
                return late;
            },
            given.Token);

        await given.CancelAsync();
        await running.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();
        late.Disposed.Task.IsCompleted.Should().BeFalse();
        answer.Set();

        await late.Disposed.Task.InTime();
    }

    [Fact]
    public async Task Run_when_the_work_fails_throws_what_it_threw()
    {
        var run = () => OwnThread.RunAsync<int>(() => throw new LinuxException(Errno.ENOENT, "open", "/none"), default);

        (await run.Should().ThrowAsync<LinuxException>()).Which.Errno.Should().Be(Errno.ENOENT);
    }

    private sealed class Late : IDisposable
    {
        public TaskCompletionSource Disposed { get; } = new();

        public void Dispose() => Disposed.SetResult();
    }
}
