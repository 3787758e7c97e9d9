using System.Collections.Frozen;

namespace Kata.Core.Domain;

/// <summary>A lifecycle as a table: (state, trigger) to state. What the table does not hold is refused.</summary>
public sealed class StateTable<TState, TTrigger>(params (TState From, TTrigger Trigger, TState To)[] rows)
    where TState : struct, Enum
    where TTrigger : struct, Enum
{
    private readonly FrozenDictionary<(TState, TTrigger), TState> _next =
        rows.ToFrozenDictionary(row => (row.From, row.Trigger), row => row.To);

    /// <summary>
    /// The rows in the order in which they were written; the diagram in the documentation is printed from them.
    /// </summary>
    public IReadOnlyList<(TState From, TTrigger Trigger, TState To)> Rows { get; } = rows;

    /// <summary>True and the next state, or false if the trigger is refused in this state.</summary>
    public bool TryNext(TState state, TTrigger trigger, out TState next) =>
        _next.TryGetValue((state, trigger), out next);
}
