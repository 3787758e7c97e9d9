using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// The received messages of one stream between the connection's reader, which never waits, and the one who reads
/// the stream. It may be over its limit for a moment; staying there is reported once.
/// </summary>
internal sealed class MessageQueue<T>(
    TimeProvider time, int maxMessages, Action<string> overflow) : IAsyncStreamReader<T>
{
    private readonly Lock _gate = new();
    private readonly Queue<(T Message, int Size)> _messages = new();
    private TaskCompletionSource<bool>? _waiter;
    private ITimer? _grace;
    private Exception? _error;
    private long _bytes;
    private bool _completed;
    private bool _overflown;

    /// <inheritdoc/>
    public T Current { get; private set; } = default!;

    /// <summary>False when the stream had already ended.</summary>
    public bool Add(T message, int size)
    {
        var tooMuch = false;
        lock (_gate)
        {
            if (_completed)
                return false;
            if (_waiter is { } waiter)
            {
                _waiter = null;
                Current = message;
                waiter.TrySetResult(true);
                return true;
            }

            _messages.Enqueue((message, size));
            _bytes += size;
            if (_bytes > TtrpcLimits.MaxUnreadBytes)
                tooMuch = !_overflown && (_overflown = true);
            else if (_messages.Count > maxMessages)
                _grace ??= time.CreateTimer(
                    static s =>
                        ((MessageQueue<T>)s!).GraceIsOver(), this, TtrpcLimits.StreamGrace, Timeout.InfiniteTimeSpan);
        }

        if (tooMuch)
            overflow("stream receive queue is full");
        return true;
    }

    /// <summary>No more messages come; those waiting are still delivered, then the error, if any.</summary>
    public bool Complete(Exception? error = null)
    {
        TaskCompletionSource<bool>? waiter;
        lock (_gate)
        {
            if (_completed)
                return false;
            _completed = true;
            _error = error;
            // What is there is all there will be: no hurry any more.
            _grace?.Dispose();
            _grace = null;
            waiter = _waiter;
            _waiter = null;
        }

        if (waiter is not null)
        {
            if (error is null)
                waiter.TrySetResult(false);
            else
                waiter.TrySetException(error);
        }

        return true;
    }

    /// <summary>Drops what waits; the stream is over for its reader at once.</summary>
    public void Discard(Exception? error)
    {
        lock (_gate)
        {
            _messages.Clear();
            _bytes = 0;
        }

        Complete(error);
    }

    /// <inheritdoc/>
    public Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        TaskCompletionSource<bool> waiter;
        lock (_gate)
        {
            if (cancellationToken.IsCancellationRequested)
                return Task.FromCanceled<bool>(cancellationToken);
            if (_messages.TryDequeue(out var next))
            {
                Current = next.Message;
                _bytes -= next.Size;
                if (_grace is not null && _messages.Count <= maxMessages)
                {
                    _grace.Dispose();
                    _grace = null;
                }

                return Task.FromResult(true);
            }

            if (_completed)
                return _error is null ? Task.FromResult(false) : Task.FromException<bool>(_error);
            if (_waiter is not null)
                throw new InvalidOperationException("the stream is already being read");
            waiter = _waiter = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return cancellationToken.CanBeCanceled ? WaitAsync(waiter, cancellationToken) : waiter.Task;
    }

    private async Task<bool> WaitAsync(TaskCompletionSource<bool> waiter, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            static (s, token) =>
            {
                var (queue, waiting) = ((MessageQueue<T>, TaskCompletionSource<bool>))s!;
                lock (queue._gate)
                {
                    if (queue._waiter != waiting)
                        return;
                    queue._waiter = null;
                }

                waiting.TrySetCanceled(token);
            },
            (this, waiter));
        return await waiter.Task;
    }

    private void GraceIsOver()
    {
        lock (_gate)
        {
            if (_grace is null || _overflown)
                return;
            _grace.Dispose();
            _grace = null;
            _overflown = true;
        }

        overflow("stream receive queue is full");
    }
}
