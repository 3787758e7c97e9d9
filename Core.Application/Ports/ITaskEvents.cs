using Kata.Core.Domain;

namespace Kata.Core.Application.Ports;

/// <summary>Tells the container manager what has happened.</summary>
public interface ITaskEvents
{
    /// <summary>Queues an event; order is kept. Never waits and never fails.</summary>
    void Enqueue(IDomainEvent domainEvent);

    /// <summary>Waits, bounded by the token, until what is queued has been sent.</summary>
    Task DrainAsync(CancellationToken ct);
}
