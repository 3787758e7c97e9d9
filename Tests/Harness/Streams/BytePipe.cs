namespace Kata.Tests.Harness.Streams;

/// <summary>
/// A pipe in memory: bounded, with a writer that waits while it is full and a reader that waits while it is empty.
/// </summary>
public sealed class BytePipe(int capacity = 64 * 1024)
{
    private readonly Lock _lock = new();
    private readonly Queue<byte> _bytes = new();
    private List<TaskCompletionSource> _waiting = [];

    /// <summary>The write end is closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The other end is gone: what is in it is lost.</summary>
    public Exception? Broken { get; private set; }

    /// <summary>Bytes that nobody has read.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _bytes.Count;
        }
    }

    /// <summary>Writes all of it, waiting for room.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        while (data.Length > 0)
        {
            Task changed;
            lock (_lock)
            {
                if (Broken is { } broken)
                    throw broken;
                if (IsClosed)
                    throw new IOException("the pipe is closed");
                var room = Math.Min(capacity - _bytes.Count, data.Length);
                foreach (var b in data.Span[..room])
                    _bytes.Enqueue(b);
                data = data[room..];
                if (room > 0)
                    Change();
                changed = data.Length > 0 ? NextChange(ct) : Task.CompletedTask;
            }

            await changed;
        }
    }

    /// <summary>Reads at least one byte; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct)
    {
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            Task changed;
            lock (_lock)
            {
                if (Broken is { } broken)
                    throw broken;
                if (_bytes.Count > 0)
                {
                    var count = Math.Min(buffer.Length, _bytes.Count);
                    for (var i = 0; i < count; i++)
                        buffer.Span[i] = _bytes.Dequeue();
                    Change();
                    return count;
                }

                if (IsClosed)
                    return 0;
                changed = NextChange(ct);
            }

            await changed;
        }
    }

    /// <summary>Closes the write end.</summary>
    public void Close()
    {
        lock (_lock)
        {
            IsClosed = true;
            Change();
        }
    }

    /// <summary>The other end is gone.</summary>
    public void Break(Exception why)
    {
        lock (_lock)
        {
            Broken ??= why;
            Change();
        }
    }

    // Whoever waits does so on a source of his own: the continuation is then posted to the pump at once, where
    // Task.WaitAsync would lead it through a thread of the pool, which the kernel may keep waiting while virtual time
    // goes on.
    private Task NextChange(CancellationToken ct)
    {
        var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.Add(next);
        ct.Register(() => next.TrySetCanceled(ct));
        return next.Task;
    }

    private void Change()
    {
        var waiting = _waiting;
        _waiting = [];
        foreach (var next in waiting)
            next.TrySetResult();
    }
}
