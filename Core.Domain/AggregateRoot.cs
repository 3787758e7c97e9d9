namespace Kata.Core.Domain;

/// <summary>
/// Collects the events of an aggregate in the order in which they came about and hands them out once.
/// </summary>
public abstract class AggregateRoot
{
    private List<IDomainEvent>? _raised;

    /// <summary>The events since the last call, oldest first.</summary>
    public IReadOnlyList<IDomainEvent> DequeueEvents()
    {
        var raised = _raised;
        _raised = null;
        return raised is null ? [] : raised;
    }

    /// <summary>Remembers an event until <see cref="DequeueEvents"/>.</summary>
    protected void Raise(IDomainEvent domainEvent) => (_raised ??= []).Add(domainEvent);
}
