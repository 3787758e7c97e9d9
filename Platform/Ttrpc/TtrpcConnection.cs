using System.Buffers;
using System.Net.Sockets;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// What a connection does with what it reads. All but <see cref="OnAborted"/> is called by the reader, one at a time.
/// </summary>
internal interface IFrameSink
{
    /// <summary>The payload is valid during the call only.</summary>
    void OnFrame(in FrameHeader header, ReadOnlyMemory<byte> payload);

    /// <summary>A frame over the limit has been read and thrown away.</summary>
    void OnOversized(in FrameHeader header);

    /// <summary>Called once, by whoever ended the connection, outside of all locks.</summary>
    void OnAborted(TtrpcException reason);
}

/// <summary>
/// One reader and, at any time, one writer over a transport. A sender writes itself when nobody else does and
/// otherwise leaves its frame to the one writing; what the kernel refuses is sent when it has room again.
/// The first reason to end is the one that counts.
/// </summary>
internal sealed class TtrpcConnection(
    ITransport transport, ReaderKind kind, int receiveLimit, int unsentLimit, bool readsLastWords, IFrameSink sink)
{
    private const int Batch = 64 * 1024;

    // A sender that keeps writing for others hands over to the pool after this many writes; it may be the reader.
    private const int WritesPerSender = 16;

    private const int ReadsInARow = 32;

    // A client whose server is gone cannot send any more, but what the server sent last may still wait to be read.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<OutgoingFrame> _queue = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _room;
    private TtrpcException? _reason;
    private int _unsent;
    private bool _writing;
    private bool _isClosed;

    /// <summary>Completes when the connection has ended; never faults.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Why it ended; null while it lives.</summary>
    public TtrpcException? Reason => Volatile.Read(ref _reason);

    public static ITransport TransportOver(Stream stream, ReaderKind kind) =>
        stream is NetworkStream network ? new SocketTransport(network.Socket) : new StreamTransport(stream, kind);

    public void Start()
    {
        if (kind == ReaderKind.BlockingThread)
        {
            var thread = new Thread(ReadBlocking) { IsBackground = true, Name = "ttrpc reader" };
            thread.UnsafeStart();
        }
        else
        {
            // On the pool: where bytes already wait, the loop would run on whoever accepts or connects.
            ThreadPool.UnsafeQueueUserWorkItem(
                static connection => _ = connection.ReadAsync(), this, preferLocal: false);
        }
    }

    /// <summary>Sends a frame, at once or in its turn, without waiting. Takes the frame in any case.</summary>
    public void Send(OutgoingFrame frame)
    {
        bool mustWrite, tooMuch;
        lock (_gate)
        {
            mustWrite = Enqueue(frame);
            tooMuch = _unsent > unsentLimit;
        }

        if (mustWrite)
            Write(frame);
        else if (tooMuch)
            Abort(new TtrpcException($"the peer leaves more than {unsentLimit} bytes unread"));
    }

    /// <summary>
    /// Sends a frame if it does not have to wait behind more than others may need; false leaves the frame with its
    /// sender, who tries again after <see cref="RoomAsync"/>.
    /// </summary>
    public bool TrySend(OutgoingFrame frame)
    {
        if (!TryEnqueue(frame, out var mustWrite))
            return false;
        if (mustWrite)
            Write(frame);
        return true;
    }

    /// <summary>
    /// As <see cref="TrySend"/>, but only gives the frame its place; the caller must then call <see cref="Write"/> if
    /// so told.
    /// </summary>
    public bool TryEnqueue(OutgoingFrame frame, out bool mustWrite)
    {
        mustWrite = false;
        lock (_gate)
        {
            if (!_isClosed && _unsent > 0 && _unsent + frame.Count > TtrpcLimits.PacedUnsent)
                return false;
            mustWrite = Enqueue(frame);
            return true;
        }
    }

    /// <summary>Under the gate. True when nobody writes: the caller does then.</summary>
    private bool Enqueue(OutgoingFrame frame)
    {
        if (_isClosed)
        {
            frame.Return();
            return false;
        }

        if (!_writing)
        {
            _writing = true;
            return true;
        }

        _unsent += frame.Count;
        _queue.Enqueue(frame);
        return false;
    }

    /// <summary>Completes when some unsent bytes have left, or the connection has ended.</summary>
    public Task RoomAsync()
    {
        lock (_gate)
        {
            if (_isClosed || _unsent == 0)
                return Task.CompletedTask;
            return (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Completes when everything handed over so far has left, or the connection has ended.</summary>
    public async Task FlushAsync()
    {
        while (true)
        {
            Task room;
            lock (_gate)
            {
                if (_isClosed || !_writing)
                    return;
                room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await room;
        }
    }

    /// <summary>Writes this frame and then what others have queued meanwhile.</summary>
    public void Write(OutgoingFrame frame)
    {
        for (var writes = 0; writes < WritesPerSender; writes++)
        {
            int sent;
            try
            {
                sent = transport.TrySend(frame.Span);
            }
            catch (Exception e)
            {
                frame.Return();
                SendingFailed(Failed("sending", e));
                return;
            }

            if (sent < frame.Count)
            {
                var rest = frame.Skip(sent);
                lock (_gate)
                    _unsent += rest.Count;
                _ = WriteAsync(rest);
                return;
            }

            frame.Return();
            if (!TryNext(out frame))
                return;
        }

        lock (_gate)
            _unsent += frame.Count;
        ThreadPool.UnsafeQueueUserWorkItem(
            static state =>
                _ = state.Connection.WriteAsync(state.Frame), (Connection: this, Frame: frame), preferLocal: false);
    }

    /// <summary>Ends the connection. Only the first reason is kept.</summary>
    public void Abort(TtrpcException reason)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
            return;

        TaskCompletionSource? room;
        lock (_gate)
        {
            _isClosed = true;
            _unsent = 0;
            while (_queue.TryDequeue(out var frame))
                frame.Return();
            room = _room;
            _room = null;
        }

        try
        {
            transport.Close();
        }
        catch (Exception)
        {
            // The reason to end is known already; a device that cannot even be closed adds nothing to it.
        }

        room?.TrySetResult();
        try
        {
            sink.OnAborted(reason);
        }
        finally
        {
            _closed.TrySetResult();
        }
    }

    private static TtrpcException Failed(string doing, Exception e) =>
        e as TtrpcException ?? new TtrpcException($"{doing} failed: {e.Message}", e);

    private void SendingFailed(TtrpcException reason)
    {
        if (!readsLastWords)
        {
            Abort(reason);
            return;
        }

        // Frames queue behind the writer that has stopped, until the reader meets the end or the time is over.
        _ = Task.Delay(LastWords).ContinueWith(
            static (_, state) =>
            {
                var (connection, why) = ((TtrpcConnection, TtrpcException))state!;
                connection.Abort(why);
            },
            (this, reason),
            TaskScheduler.Default);
    }

    private async Task WriteAsync(OutgoingFrame frame)
    {
        try
        {
            do
            {
                await transport.SendAsync(frame.Memory);
                lock (_gate)
                    _unsent = Math.Max(0, _unsent - frame.Count);
                frame.Return();
            }
            while (TryNext(out frame, stillUnsent: true));
        }
        catch (Exception e)
        {
            // The frame stays out of the pool: the transport may still be reading from it.
            SendingFailed(Failed("sending", e));
        }
    }

    /// <summary>
    /// The next queued bytes, small frames joined to one; false when there are none, and then nobody writes any more.
    /// </summary>
    private bool TryNext(out OutgoingFrame next, bool stillUnsent = false)
    {
        TaskCompletionSource? room;
        var found = false;
        lock (_gate)
        {
            room = _room;
            _room = null;
            if (_isClosed || !_queue.TryDequeue(out next))
            {
                next = default;
                _writing = false;
            }
            else
            {
                found = true;
                if (_queue.TryPeek(out var second) && next.Count + second.Count <= Batch)
                    next = Join(next);
                if (!stillUnsent)
                    _unsent -= next.Count;
            }
        }

        room?.TrySetResult();
        return found;
    }

    private OutgoingFrame Join(OutgoingFrame first)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Min(Batch, Math.Max(_unsent, first.Count)));
        var count = 0;
        var frame = first;
        while (true)
        {
            frame.Span.CopyTo(buffer.AsSpan(count));
            count += frame.Count;
            frame.Return();
            if (!_queue.TryPeek(out frame) || frame.Count > buffer.Length - count)
                return new OutgoingFrame(buffer, 0, count);
            _queue.Dequeue();
        }
    }

    private async Task ReadAsync()
    {
        using var reader = new FrameReader(receiveLimit);
        try
        {
            for (var inARow = 0; ; inARow++)
            {
                var receive = transport.ReceiveAsync(reader.GetFree());
                if (!receive.IsCompleted)
                    inARow = 0;
                var count = await receive;
                if (count == 0)
                    break;
                Deliver(reader, count);
                if (inARow >= ReadsInARow)
                {
                    // With inline completions this thread serves every socket of the process: a flood must not keep it.
                    inARow = 0;
                    await Task.Yield();
                }
            }

            Abort(EndOfStream(reader));
        }
        catch (Exception e)
        {
            Abort(Failed("receiving", e));
        }
    }

    private void ReadBlocking()
    {
        using var reader = new FrameReader(receiveLimit);
        try
        {
            int count;
            while ((count = transport.Receive(reader.GetFree().Span)) > 0)
                Deliver(reader, count);
            Abort(EndOfStream(reader));
        }
        catch (Exception e)
        {
            Abort(Failed("receiving", e));
        }
    }

    private static TtrpcException EndOfStream(FrameReader reader) => new(reader.IsInsideFrame
        ? "the peer closed the connection inside a frame"
        : "the peer closed the connection");

    private void Deliver(FrameReader reader, int count)
    {
        reader.Advance(count);
        while (Reason is null && reader.TryRead(out var header, out var payload, out var oversized))
        {
            if (oversized)
                sink.OnOversized(header);
            else
                sink.OnFrame(header, payload);
        }
    }
}
