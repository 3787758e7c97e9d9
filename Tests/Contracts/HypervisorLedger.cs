using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Contracts;

/// <summary>A ledger in memory that remembers what was ever written.</summary>
public sealed class HypervisorLedger : IResourceLedger
{
    private readonly Lock _gate = new();
    private readonly ResourceList _held = new();
    private readonly List<AcquiredResource> _history = [];
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Refuses to record.</summary>
    public bool IsFull { get; set; }

    /// <summary>All that was recorded, in order, renewals too.</summary>
    public IReadOnlyList<AcquiredResource> History
    {
        get
        {
            lock (_gate)
                return [.. _history];
        }
    }

    /// <summary>Completes when a process is recorded with its pid.</summary>
    public Task ProcessStarted => _started.Task;

    public void Record(AcquiredResource resource)
    {
        if (IsFull)
            throw new KataException(ErrorKind.ResourceExhausted, "the ledger is full");
        lock (_gate)
        {
            _held.Record(resource);
            _history.Add(resource);
        }
        if (resource is { Kind: ResourceKind.Process, ProcessId: > 0 })
            _started.TrySetResult();
    }

    public void Forget(AcquiredResource resource)
    {
        lock (_gate)
            _held.Forget(resource);
    }

    public ResourceList Read() => _held;
}
