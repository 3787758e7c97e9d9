namespace Kata.Adapters.Shimv2.Events;

/// <summary>
/// An ordered queue with a bound. When it is full the oldest event that is no exit gives way, since a daemon learns by
/// an exit alone that a task has ended; an exit is given up only when nothing but exits is left.
/// </summary>
internal sealed class EventQueue<T>(int capacity, Func<T, bool> isExit)
    where T : class
{
    private readonly Lock _gate = new();
    private readonly LinkedList<T> _items = new();
    private TaskCompletionSource? _arrival;
    private TaskCompletionSource? _empty;

    /// <summary>How many wait, the head included.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _items.Count;
        }
    }

    /// <summary>Adds at the end and answers what had to give way, if anything.</summary>
    public T? Add(T item)
    {
        TaskCompletionSource? arrival;
        T? dropped = null;
        lock (_gate)
        {
            _items.AddLast(item);
            if (_items.Count > capacity)
                dropped = MakeRoom();
            arrival = _arrival;
            _arrival = null;
        }

        arrival?.TrySetResult();
        return dropped;
    }

    /// <summary>The head, which stays in its place until <see cref="Remove"/>.</summary>
    public async Task<T> PeekAsync(CancellationToken ct)
    {
        while (true)
        {
            Task arrival;
            lock (_gate)
            {
                if (_items.First is { } head)
                    return head.Value;
                arrival = (_arrival ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
                    .Task;
            }

            await arrival.WaitAsync(ct);
        }
    }

    /// <summary>
    /// Takes an item that has been dealt with off the queue; one that has given way meanwhile is no fault.
    /// </summary>
    public void Remove(T item)
    {
        TaskCompletionSource? empty = null;
        lock (_gate)
        {
            _items.Remove(item);
            if (_items.Count == 0)
            {
                empty = _empty;
                _empty = null;
            }
        }

        empty?.TrySetResult();
    }

    /// <summary>Completes when nothing waits.</summary>
    public Task EmptyAsync()
    {
        lock (_gate)
        {
            return _items.Count == 0
                ? Task.CompletedTask
                : (_empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private T? MakeRoom()
    {
        var node = _items.First;
        while (node is not null && isExit(node.Value))
            node = node.Next;
        node ??= _items.First;
        _items.Remove(node!);
        return node!.Value;
    }
}
