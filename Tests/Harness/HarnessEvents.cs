using Kata.Core.Application.Ports;
using Kata.Core.Domain;

namespace Kata.Tests.Harness;

/// <summary>A fact and the virtual time at which it was told.</summary>
public sealed record ToldFact(IDomainEvent Fact, TimeSpan At);

/// <summary>What the container manager is told.</summary>
public sealed class HarnessEvents(HarnessHost host) : ITaskEvents
{
    private readonly List<ToldFact> _told = [];

    /// <summary>Everything, in order.</summary>
    public IReadOnlyList<ToldFact> Told => _told;

    /// <summary>Everything, in order.</summary>
    public IReadOnlyList<IDomainEvent> Facts => [.. _told.Select(told => told.Fact)];

    /// <summary>True once the queue has been waited for.</summary>
    public bool WasDrained { get; private set; }

    /// <inheritdoc/>
    public void Enqueue(IDomainEvent domainEvent) => _told.Add(new ToldFact(domainEvent, host.Time.Elapsed));

    /// <inheritdoc/>
    public async Task DrainAsync(CancellationToken ct)
    {
        await host.EnterAsync("events.drain", ct);
        WasDrained = true;
    }
}
