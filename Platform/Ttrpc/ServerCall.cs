using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>One running handler: its context, its deadline, and its one answer.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001",
    Justification = "A token source without timer or wait handle holds nothing, and handlers may keep its token.")]
internal abstract class ServerCall(
    ServerConnection connection, uint id, ServerMethod method) : ServerCallContext, IThreadPoolWorkItem
{
    // Longer waits than a timer can hold need no timer: no connection lives that long.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);
    private static readonly AuthContext NoAuth = new(null, []);

    private readonly Lock _gate = new();
    private CancellationTokenSource? _cancellation;
    private ITimer? _timer;
    private Metadata? _requestHeaders;
    private Metadata? _trailers;
    private DateTime _deadline = DateTime.MaxValue;
    private bool _canceled;
    private bool _expired;
    private int _answered;

    public uint Id { get; } = id;

    public bool RunsInline => method.Inline;

    /// <summary>The stream has ended for the client; the handler may still run.</summary>
    public bool IsAnswered => Volatile.Read(ref _answered) != 0;

    protected ServerConnection Connection { get; } = connection;

    /// <inheritdoc/>
    protected override string MethodCore => method.FullName;

    /// <inheritdoc/>
    protected override string HostCore => "ttrpc";

    /// <inheritdoc/>
    protected override string PeerCore => "ttrpc";

    /// <inheritdoc/>
    protected override DateTime DeadlineCore => _deadline;

    /// <inheritdoc/>
    protected override Metadata RequestHeadersCore => _requestHeaders ??= [];

    /// <inheritdoc/>
    protected override Metadata ResponseTrailersCore => _trailers ??= [];

    /// <inheritdoc/>
    protected override Status StatusCore { get; set; }

    /// <inheritdoc/>
    protected override WriteOptions? WriteOptionsCore { get; set; }

    /// <inheritdoc/>
    protected override AuthContext AuthContextCore => NoAuth;

    /// <inheritdoc/>
    protected override CancellationToken CancellationTokenCore
    {
        get
        {
            lock (_gate)
            {
                if (_cancellation is null)
                {
                    // Made only for handlers that ask; most answer at once.
                    _cancellation = new CancellationTokenSource();
                    if (_canceled)
                        _cancellation.Cancel();
                }

                return _cancellation.Token;
            }
        }
    }

    /// <summary>Sets what the request's envelope said; before the call is started.</summary>
    public void Prepare(Metadata? headers, long timeoutNano, TimeProvider time)
    {
        _requestHeaders = headers;
        if (timeoutNano <= 0)
            return;
        // Rounded up: a deadline never fires before its time.
        var timeout = TimeSpan.FromTicks(timeoutNano / 100 + (timeoutNano % 100 == 0 ? 0 : 1));
        var now = time.GetUtcNow().UtcDateTime;
        _deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        if (timeout < LongestTimer)
            _timer = time.CreateTimer(static s => ((ServerCall)s!).Expire(), this, timeout, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public void Execute() => _ = RunAsync();

    /// <summary>Runs the handler to its answer; never faults.</summary>
    public async Task RunAsync()
    {
        try
        {
            await InvokeAsync();
        }
        catch (Exception e)
        {
            var status = TtrpcStatus.Of(e, _expired, out var isBug);
            Fail(status);
            if (isBug)
                Connection.ReportBug(method.FullName, e);
        }
        finally
        {
            _timer?.Dispose();
            OnFinished();
            Connection.Finished(this);
        }
    }

    /// <summary>Cancels the handler's token. Callbacks run on the calling thread.</summary>
    public void Cancel()
    {
        CancellationTokenSource? source;
        lock (_gate)
        {
            _canceled = true;
            source = _cancellation;
        }

        try
        {
            source?.Cancel();
        }
        catch (AggregateException e)
        {
            Connection.ReportBug(method.FullName, e);
        }
    }

    /// <summary>Answers with a failure, unless the call has been answered.</summary>
    public void Fail(Status status)
    {
        if (TakeAnswer())
            Connection.SendError(Id, status);
    }

    /// <summary>A Data frame for this call.</summary>
    public virtual void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload) => RefuseData();

    /// <summary>The connection ended.</summary>
    public virtual void OnConnectionLost()
    {
        Interlocked.Exchange(ref _answered, 1);
        Cancel();
    }

    /// <summary>The handler has returned.</summary>
    protected virtual void OnFinished()
    {
    }

    /// <summary>Sends one message of a stream when there is room for it.</summary>
    public async Task WriteAsync<T>(Marshaller<T> marshaller, T message, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var frame = FrameBuilder.Data(Id, marshaller, message, Connection.MaxMessage);
        try
        {
            while (true)
            {
                if (IsAnswered)
                    throw new RpcException(new Status(StatusCode.Cancelled, "the stream has ended"));
                if (Connection.TrySend(frame))
                    return;
                await Connection.RoomAsync().WaitAsync(cancellationToken);
            }
        }
        catch
        {
            frame.Return();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) =>
        Task.CompletedTask; // ttRPC has no response headers.

    /// <inheritdoc/>
    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException("ttRPC calls do not propagate");

    /// <summary>Runs the handler and answers; what it throws becomes the status.</summary>
    protected abstract Task InvokeAsync();

    protected void Reply<T>(Marshaller<T> marshaller, T? message)
        where T : class
    {
        if (StatusCore.StatusCode != StatusCode.OK)
        {
            Fail(StatusCore);
            return;
        }

        if (message is null)
            throw new InvalidOperationException("the handler returned no message");
        var frame = FrameBuilder.Response(Id, marshaller, message, Connection.MaxMessage);
        if (TakeAnswer())
            Connection.Send(frame);
        else
            frame.Return();
    }

    protected void EndStream()
    {
        if (StatusCore.StatusCode != StatusCode.OK)
            Fail(StatusCore);
        else if (TakeAnswer())
            Connection.Send(FrameBuilder.EndOfData(Id));
    }

    protected void RefuseData() =>
        Refuse(new Status(StatusCode.InvalidArgument, TtrpcStatus.InactiveStream));

    /// <summary>Answers with a failure and stops the handler.</summary>
    protected void Refuse(Status status)
    {
        Fail(status);
        // Callbacks of the token are the handler's code: not on the reader.
        ThreadPool.UnsafeQueueUserWorkItem(static call => call.Cancel(), this, preferLocal: false);
    }

    private bool TakeAnswer() => Interlocked.Exchange(ref _answered, 1) == 0;

    private void Expire()
    {
        _expired = true;
        Fail(new Status(StatusCode.DeadlineExceeded, TtrpcStatus.DeadlineExceeded));
        Cancel();
    }
}

/// <summary>A call whose client sends a stream.</summary>
internal abstract class StreamingCall<TRequest> : ServerCall
    where TRequest : class
{
    private readonly Marshaller<TRequest> _marshaller;

    protected StreamingCall(ServerConnection connection, uint id, ServerMethod method, Marshaller<TRequest> marshaller)
        : base(connection, id, method)
    {
        _marshaller = marshaller;
        Requests = new MessageQueue<TRequest>(connection.Time, TtrpcLimits.MaxUnreadMessages, Overflow);
    }

    protected MessageQueue<TRequest> Requests { get; }

    /// <summary>An empty payload of the opening request is no message; any other is the first one.</summary>
    public void Open(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        if (!payload.IsEmpty)
            Requests.Add(Connection.Payload.Read(_marshaller, payload), payload.Length);
        if (header.Flags.HasFlag(FrameFlags.RemoteClosed))
            Requests.Complete();
    }

    /// <inheritdoc/>
    public override void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        var hasData = !header.Flags.HasFlag(FrameFlags.NoData);
        if (hasData && !TryAdd(payload))
        {
            Refuse(new Status(StatusCode.InvalidArgument, "data handling error: stream closed"));
            return;
        }

        if (!header.Flags.HasFlag(FrameFlags.RemoteClosed))
            return;

        // The message has been delivered, and the handler may finish with it; but its result reaches nobody.
        if (!payload.IsEmpty)
            Fail(new Status(StatusCode.InvalidArgument, TtrpcStatus.DataWithClose));
        Requests.Complete();
    }

    /// <inheritdoc/>
    public override void OnConnectionLost()
    {
        Requests.Discard(new RpcException(new Status(StatusCode.Cancelled, TtrpcStatus.Canceled)));
        base.OnConnectionLost();
    }

    /// <inheritdoc/>
    protected override void OnFinished() => Requests.Discard(null);

    private bool TryAdd(ReadOnlyMemory<byte> payload)
    {
        TRequest message;
        try
        {
            message = Connection.Payload.Read(_marshaller, payload);
        }
        catch (Exception e)
        {
            // Messages before it are still read; the handler meets the error where the bad one would have been.
            return Requests.Complete(new RpcException(TtrpcStatus.BadPayload(e)));
        }

        return Requests.Add(message, payload.Length);
    }

    private void Overflow(string text)
    {
        Refuse(new Status(StatusCode.InvalidArgument, $"data handling error: {text}"));
        Requests.Discard(new RpcException(new Status(StatusCode.Cancelled, TtrpcStatus.Canceled)));
    }
}

/// <summary>The stream a handler writes to. A write completes when the message has found room to leave.</summary>
internal sealed class ResponseWriter<T>(ServerCall call, Marshaller<T> marshaller) : IServerStreamWriter<T>
{
    /// <inheritdoc/>
    public WriteOptions? WriteOptions { get; set; }

    /// <inheritdoc/>
    public Task WriteAsync(T message) => call.WriteAsync(marshaller, message, CancellationToken.None);

    /// <inheritdoc/>
    public Task WriteAsync(T message, CancellationToken cancellationToken) =>
        call.WriteAsync(marshaller, message, cancellationToken);
}
