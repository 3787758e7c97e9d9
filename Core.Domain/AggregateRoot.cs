namespace Kata.Core.Domain;

/// <summary>Collects the facts of an aggregate in the order in which they came about and hands them out once.</summary>
public abstract class AggregateRoot
{
    private List<IDomainEvent>? _facts;

    /// <summary>The facts since the last call, oldest first.</summary>
    public IReadOnlyList<IDomainEvent> TakeFacts()
    {
        var facts = _facts;
        _facts = null;
        return facts is null ? [] : facts;
    }

    /// <summary>Remembers a fact until <see cref="TakeFacts"/>.</summary>
    protected void Tell(IDomainEvent fact) => (_facts ??= []).Add(fact);
}
