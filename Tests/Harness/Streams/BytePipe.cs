namespace Kata.Tests.Harness.Streams;

/// <summary>A pipe in memory: bounded, with a writer that waits while it is full and a reader that waits while it is empty.</summary>
public sealed class BytePipe(int capacity = 64 * 1024)
{
    private readonly Queue<byte> _bytes = new();
    private TaskCompletionSource _changed = new();

    /// <summary>The write end is closed.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>The other end is gone: what is in it is lost.</summary>
    public Exception? Broken { get; private set; }

    /// <summary>Bytes that nobody has read.</summary>
    public int Count => _bytes.Count;

    /// <summary>Waits until something changes.</summary>
    public Task ChangedAsync(CancellationToken ct) => _changed.Task.WaitAsync(ct);

    /// <summary>Writes all of it, waiting for room.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        while (data.Length > 0)
        {
            if (Broken is { } broken)
                throw broken;
            if (IsClosed)
                throw new IOException("the pipe is closed");
            var room = Math.Min(capacity - _bytes.Count, data.Length);
            if (room == 0)
            {
                await ChangedAsync(ct);
                continue;
            }

            foreach (var b in data.Span[..room])
                _bytes.Enqueue(b);
            data = data[room..];
            Change();
        }
    }

    /// <summary>Reads at least one byte; 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken ct)
    {
        while (true)
        {
            ct.ThrowIfCancellationRequested();
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
            await ChangedAsync(ct);
        }
    }

    /// <summary>Closes the write end.</summary>
    public void Close()
    {
        IsClosed = true;
        Change();
    }

    /// <summary>The other end is gone.</summary>
    public void Break(Exception why)
    {
        Broken ??= why;
        Change();
    }

    private void Change()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource();
        changed.TrySetResult();
    }
}
