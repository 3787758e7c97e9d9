using System.Text;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>The server's side of one connection: turns requests into running handlers and ends them with it.</summary>
internal sealed class ServerConnection : IFrameSink
{
    private readonly ServiceTable _services;
    private readonly TtrpcServerOptions _options;
    private readonly TtrpcConnection _connection;
    private readonly Lock _gate = new();
    private readonly Dictionary<uint, ServerCall> _calls = [];
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private uint _lastId;
    private bool _stopping;
    private bool _lost;

    public ServerConnection(ITransport transport, ServiceTable services, TtrpcServerOptions options)
    {
        _services = services;
        _options = options;
        _connection = new TtrpcConnection(
            transport, options.Reader, options.MaxMessage, options.MaxUnsent, readsLastWords: false, this);
    }

    /// <summary>The reader's view of the message in hand; used by the reader only.</summary>
    public IncomingPayload Payload { get; } = new();

    public TimeProvider Time => _options.Time;

    public int MaxMessage => _options.MaxMessage;

    public Task Closed => _connection.Closed;

    public void Start() => _connection.Start();

    public void Abort(string reason) => _connection.Abort(new TtrpcException(reason));

    /// <summary>Refuses new calls, lets the running ones finish, sends their answers and closes.</summary>
    public async Task StopAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            if (_running == 0)
                _idle.TrySetResult();
        }

        await Task.WhenAny(_idle.Task, _connection.Closed);
        await _connection.FlushAsync();
        Abort("the server stops");
    }

    public void Send(OutgoingFrame frame) => _connection.Send(frame);

    public bool TrySend(OutgoingFrame frame) => _connection.TrySend(frame);

    public Task RoomAsync() => _connection.RoomAsync();

    public void SendError(uint id, Status status) => Send(FrameBuilder.Error(id, status.StatusCode, status.Detail));

    /// <summary>Tells the one who asked to be told; what goes wrong there must not leave the call unfinished.</summary>
    public void ReportBug(string method, Exception e)
    {
        try
        {
            _options.OnHandlerError?.Invoke(method, e);
        }
        catch (Exception report)
        {
            Abort($"reporting a handler's error failed: {report.Message}");
        }
    }

    /// <summary>The handler has returned.</summary>
    public void Finished(ServerCall call)
    {
        lock (_gate)
        {
            _calls.Remove(call.Id);
            if (--_running == 0 && _stopping)
                _idle.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public void OnOversized(in FrameHeader header) => SendError(
        header.StreamId,
        new Status(StatusCode.ResourceExhausted, MessageTooLargeException.TextFor(header.Length, MaxMessage)));

    /// <inheritdoc/>
    public void OnFrame(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        if (header.StreamId % 2 == 0)
            Refuse(header, TtrpcStatus.EvenStreamId);
        else if (header.Type == FrameType.Request)
            OnRequest(header, payload);
        else if (header.Type == FrameType.Data)
            OnData(header, payload);
        // Other types are for later versions of the protocol, which expects them to be ignored.
    }

    /// <inheritdoc/>
    public void OnAborted(TtrpcException reason)
    {
        ServerCall[] calls;
        lock (_gate)
        {
            _lost = true;
            calls = [.. _calls.Values];
            _calls.Clear();
        }

        _options.OnConnectionClosed?.Invoke(reason);

        // Token callbacks are handlers' code; the thread here may be a reader of many connections.
        if (calls.Length > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static calls =>
                {
                    foreach (var call in calls)
                        call.OnConnectionLost();
                },
                calls,
                preferLocal: false);
        }
    }

    private void Refuse(in FrameHeader header, string text) =>
        SendError(header.StreamId, new Status(StatusCode.InvalidArgument, text));

    private void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        ServerCall? call;
        lock (_gate)
            _calls.TryGetValue(header.StreamId, out call);
        if (call is null || call.IsAnswered)
            Refuse(header, TtrpcStatus.InactiveStream);
        else
            call.OnData(header, payload);
    }

    private void OnRequest(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        if (header.StreamId <= _lastId)
        {
            Refuse(header, TtrpcStatus.ReusedStreamId);
            return;
        }

        _lastId = header.StreamId;
        RequestEnvelope request;
        try
        {
            request = RequestEnvelope.Parse(payload.Span);
        }
        catch (MalformedEnvelopeException e)
        {
            Refuse(header, $"unmarshal request error: {e.Message}");
            return;
        }

        if (!_services.TryFind(request.Service, request.Method, out var method, out var serviceKnown))
        {
            SendError(header.StreamId, new Status(StatusCode.Unimplemented, serviceKnown
                ? $"method {Encoding.UTF8.GetString(request.Method)}"
                : $"service {Encoding.UTF8.GetString(request.Service)}"));
        }
        else if (request.TimeoutNano < 0)
        {
            SendError(header.StreamId, new Status(StatusCode.DeadlineExceeded, TtrpcStatus.DeadlineExceeded));
        }
        else
        {
            Begin(method!, header, request, payload);
        }
    }

    private void Begin(
        ServerMethod method, in FrameHeader header, in RequestEnvelope request, ReadOnlyMemory<byte> payload)
    {
        // Only the reader adds calls: what is free now is still free below.
        var most = _options.MaxCallsInFlight + (method.IsUrgent ? TtrpcLimits.MaxUrgentCalls : 0);
        if (Volatile.Read(ref _running) >= most)
        {
            SendError(header.StreamId, new Status(StatusCode.ResourceExhausted, $"more than {most} calls in flight"));
            return;
        }

        ServerCall call;
        try
        {
            call = method.Create(this, header, payload[request.Payload]);
        }
        catch (Exception e)
        {
            SendError(header.StreamId, TtrpcStatus.BadPayload(e));
            return;
        }

        var stopping = false;
        lock (_gate)
        {
            if (_lost)
                return;
            stopping = _stopping;
            if (!stopping)
            {
                _running++;
                _calls.Add(call.Id, call);
            }
        }

        if (stopping)
        {
            SendError(header.StreamId, new Status(StatusCode.Unavailable, "the server stops"));
            return;
        }

        call.Prepare(request.Metadata, request.TimeoutNano, Time);
        if (call.RunsInline)
            call.Execute();
        else
            ThreadPool.UnsafeQueueUserWorkItem(call, preferLocal: false);
    }
}
