using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>The client's side of one connection: numbers the calls and matches what comes back.</summary>
internal sealed class ClientConnection : IFrameSink
{
    private readonly TtrpcConnection _connection;
    private readonly TtrpcClientOptions _options;
    private readonly Lock _gate = new();
    private readonly Dictionary<uint, ClientCall> _calls = [];
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TtrpcException? _lost;
    private TtrpcException? _ownReason;
    private uint _nextId = 1;

    public ClientConnection(ITransport transport, TtrpcClientOptions options)
    {
        _options = options;
        var limit = Math.Clamp(options.MaxReply, 0, TtrpcLimits.MaxMessage);
        // Calls wait for room instead of running into a limit of their own.
        _connection = new TtrpcConnection(transport, options.Reader, limit, int.MaxValue, readsLastWords: true, this);
    }

    public Task Closed => _closed.Task;

    /// <summary>The reader's view of the message in hand; used by the reader only.</summary>
    public IncomingPayload Payload { get; } = new();

    public TimeProvider Time => _options.Time;

    public void Start() => _connection.Start();

    public async ValueTask CloseAsync()
    {
        _ownReason = new TtrpcException("the client was disposed of");
        _connection.Abort(_ownReason);
        await _connection.Closed;
    }

    /// <summary>
    /// Sends the request that opens a call; completes when it has been handed over or the call has ended. Takes the
    /// frame.
    /// </summary>
    public Task OpenAsync(ClientCall call, OutgoingFrame frame) =>
        TryOpen(call, frame) ? Task.CompletedTask : OpenLaterAsync(call, frame);

    public bool TrySend(OutgoingFrame frame) => _connection.TrySend(frame);

    public Task RoomAsync() => _connection.RoomAsync();

    public void Forget(ClientCall call)
    {
        lock (_gate)
        {
            if (call.Id != 0)
                _calls.Remove(call.Id);
        }
    }

    /// <inheritdoc/>
    public void OnFrame(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        // A call may have been given up meanwhile: what still comes for it is dropped.
        if (Find(header.StreamId) is not { } call)
            return;
        if (header.Type == FrameType.Data)
        {
            call.OnData(header, payload);
        }
        else if (header.Type == FrameType.Response)
        {
            Status status;
            Range range;
            try
            {
                var response = ResponseEnvelope.Parse(payload.Span);
                status = response.ToStatus();
                range = response.Payload;
            }
            catch (MalformedEnvelopeException e)
            {
                call.Fail(new Status(StatusCode.Internal, $"unmarshal response error: {e.Message}"));
                return;
            }

            call.OnResponse(status, payload[range]);
        }
    }

    /// <inheritdoc/>
    public void OnOversized(in FrameHeader header) => Find(header.StreamId)?.Fail(
        new Status(StatusCode.ResourceExhausted, MessageTooLargeException.TextFor(header.Length, _options.MaxReply)));

    /// <inheritdoc/>
    public void OnAborted(TtrpcException reason)
    {
        ClientCall[] calls;
        lock (_gate)
        {
            _lost = reason;
            calls = [.. _calls.Values];
            _calls.Clear();
        }

        foreach (var call in calls)
            call.Fail(Unavailable(reason));
        if (reason == _ownReason)
        {
            _closed.TrySetResult();
        }
        else
        {
            _closed.TrySetException(reason);
            _ = _closed.Task.Exception; // Watching the connection is optional.
        }
    }

    private static Status Unavailable(TtrpcException reason) =>
        new(StatusCode.Unavailable, $"ttrpc: closed: {reason.Message}", reason);

    private ClientCall? Find(uint id)
    {
        lock (_gate)
            return _calls.GetValueOrDefault(id);
    }

    /// <summary>
    /// False when the request must wait for room. Ids must leave in rising order, so the id is given with the place.
    /// </summary>
    private bool TryOpen(ClientCall call, OutgoingFrame frame)
    {
        TtrpcException? lost;
        var mustWrite = false;
        var isExhausted = false;
        lock (_gate)
        {
            lost = _lost;
            if (lost is null && !call.IsOver)
            {
                var id = _nextId;
                frame.SetStreamId(id);
                call.Id = id;
                _calls.Add(id, call);
                if (!_connection.TryEnqueue(frame, out mustWrite))
                {
                    _calls.Remove(id);
                    call.Id = 0;
                    return false;
                }

                _nextId += 2;
                isExhausted = _nextId == 1;
            }
            else
            {
                frame.Return();
            }
        }

        if (lost is not null)
        {
            call.Fail(Unavailable(lost));
            return true;
        }

        if (mustWrite)
            _connection.Write(frame);
        if (isExhausted)
            _connection.Abort(new TtrpcException("all stream ids are used up"));

        // Ended before it was entered: nobody else takes it out again.
        if (call.IsOver)
            Forget(call);
        return true;
    }

    private async Task OpenLaterAsync(ClientCall call, OutgoingFrame frame)
    {
        do
            await _connection.RoomAsync();
        while (!TryOpen(call, frame));
    }
}
