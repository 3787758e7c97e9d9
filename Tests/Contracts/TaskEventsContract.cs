using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every implementation of <see cref="ITaskEvents"/> promises.</summary>
public abstract class TaskEventsContract
{
    private static readonly ContainerId Container = ContainerId.Parse("c1");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected abstract ITaskEvents Port { get; }

    /// <summary>Topics that have arrived, in order.</summary>
    protected abstract IReadOnlyList<string> Arrived { get; }

    [Fact]
    public async Task Enqueue_keeps_the_order_and_Drain_waits_for_all()
    {
        using var bound = new CancellationTokenSource(Patience);

        Port.Enqueue(new ContainerStarted(Container, 1));
        Port.Enqueue(new ContainerPaused(Container));
        Port.Enqueue(new ContainerResumed(Container));
        await Port.DrainAsync(bound.Token);

        Arrived.Should().Equal("/tasks/start", "/tasks/paused", "/tasks/resumed");
    }

    [Fact]
    public async Task Drain_of_nothing_ends_at_once()
    {
        await Port.DrainAsync(CancellationToken.None).WaitAsync(Patience);

        Arrived.Should().BeEmpty();
    }
}
