using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// One call of a client until its first end: result, status, deadline, cancellation or loss of the connection.
/// </summary>
internal abstract class ClientCall(ClientConnection connection)
{
    private static readonly Task<Metadata> NoHeaders = Task.FromResult(new Metadata());
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private CancellationTokenRegistration _registration;
    private ITimer? _timer;
    private int _over;
    private Status? _status;

    /// <summary>0 until the request has its place in the order of sending.</summary>
    public uint Id { get; set; }

    public bool IsOver => Volatile.Read(ref _over) != 0;

    protected ClientConnection Connection { get; } = connection;

    // What the call objects of the standard stubs ask for, with the call itself as their state.
    public static Task<Metadata> GetHeaders(object call) => NoHeaders;

    public static Metadata GetTrailers(object call) => [];

    public static Status GetStatus(object call) =>
        ((ClientCall)call)._status ?? throw new InvalidOperationException("the call has not ended");

    public static void Dispose(object call) =>
        ((ClientCall)call).Fail(new Status(StatusCode.Cancelled, "the call was disposed of"));

    /// <summary>
    /// Starts token and deadline. The relative time limit for the wire; false when the call has already ended.
    /// </summary>
    public bool Prepare(in CallOptions options, TimeProvider time, out long timeoutNano)
    {
        timeoutNano = 0;
        if (options.Deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            var left = deadline.ToUniversalTime() - time.GetUtcNow().UtcDateTime;
            if (left <= TimeSpan.Zero)
            {
                Expire();
                return false;
            }

            timeoutNano = left.Ticks > long.MaxValue / 100 ? 0 : left.Ticks * 100;
            if (left < LongestTimer)
                _timer = time.CreateTimer(static s => ((ClientCall)s!).Expire(), this, left, Timeout.InfiniteTimeSpan);
        }

        if (options.CancellationToken.CanBeCanceled)
        {
            _registration = options.CancellationToken.UnsafeRegister(
                static s => ((ClientCall)s!).Fail(new Status(StatusCode.Cancelled, TtrpcStatus.Canceled)), this);
        }

        if (!IsOver)
            return true;
        // Ended before the registration was stored: nobody else disposes of it.
        Release();
        return false;
    }

    /// <summary>Ends the call unless it has ended.</summary>
    public void Fail(Status status)
    {
        if (TryEnd(status))
            OnFailed(new RpcException(status));
    }

    /// <summary>The final Response of the server.</summary>
    public abstract void OnResponse(Status status, ReadOnlyMemory<byte> payload);

    /// <summary>A Data frame of the server.</summary>
    public abstract void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload);

    protected abstract void OnFailed(RpcException error);

    /// <summary>True for the first end, which is the one that counts.</summary>
    protected bool TryEnd(Status status)
    {
        if (Interlocked.CompareExchange(ref _over, 1, 0) != 0)
            return false;
        _status = status;
        Release();
        Connection.Forget(this);
        return true;
    }

    protected RpcException EndedError() => new(
        _status is { StatusCode: not StatusCode.OK } status
            ? status
            : new Status(StatusCode.Cancelled, "the call has ended"));

    protected void Unexpected(string what) => Fail(new Status(StatusCode.Internal, $"ttrpc: {what}"));

    private void Release()
    {
        _registration.Unregister();
        _timer?.Dispose();
    }

    private void Expire() => Fail(new Status(StatusCode.DeadlineExceeded, TtrpcStatus.DeadlineExceeded));
}

/// <summary>A call with one result.</summary>
internal class UnaryClientCall<TResponse>(
    ClientConnection connection, Marshaller<TResponse> marshaller) : ClientCall(connection)
    where TResponse : class
{
    // Not on the reader: what waits for a result may block or call again.
    private readonly TaskCompletionSource<TResponse> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TResponse> Result => _result.Task;

    /// <inheritdoc/>
    public override void OnResponse(Status status, ReadOnlyMemory<byte> payload)
    {
        if (status.StatusCode != StatusCode.OK)
        {
            Fail(status);
            return;
        }

        TResponse message;
        try
        {
            message = Connection.Payload.Read(marshaller, payload);
        }
        catch (Exception e)
        {
            Fail(TtrpcStatus.BadPayload(e));
            return;
        }

        if (TryEnd(status))
            _result.TrySetResult(message);
    }

    /// <inheritdoc/>
    public override void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload) =>
        Unexpected("the server sent stream data where one result was expected");

    /// <inheritdoc/>
    protected override void OnFailed(RpcException error)
    {
        _result.TrySetException(error);
        _ = _result.Task.Exception; // A call nobody awaits is no unobserved error.
    }
}

/// <summary>A call with one result for a stream of requests.</summary>
internal sealed class ClientStreamingClientCall<TRequest, TResponse>(
    ClientConnection connection, Method<TRequest, TResponse> method)
    : UnaryClientCall<TResponse>(connection, method.ResponseMarshaller), IRequestSource
    where TRequest : class
    where TResponse : class
{
    public Task Opened { get; set; } = Task.CompletedTask;

    public bool HasEnded => IsOver;

    public RpcException EndError => EndedError();

    public RequestWriter<TRequest> CreateWriter() => new(Connection, this, () => Id, method.RequestMarshaller);
}

/// <summary>A call that is answered by a stream.</summary>
internal sealed class ServerStreamingClientCall<TRequest, TResponse> : ClientCall, IRequestSource
    where TRequest : class
    where TResponse : class
{
    // Larger than a server's: nobody answers for our reader, and its bytes are bounded as well.
    private const int MaxUnreadMessages = 1024;

    private readonly Method<TRequest, TResponse> _method;

    public ServerStreamingClientCall(ClientConnection connection, Method<TRequest, TResponse> method, TimeProvider time)
        : base(connection)
    {
        _method = method;
        Responses = new MessageQueue<TResponse>(
            time, MaxUnreadMessages, text => Fail(new Status(StatusCode.ResourceExhausted, $"ttrpc: {text}")));
    }

    public MessageQueue<TResponse> Responses { get; }

    public Task Opened { get; set; } = Task.CompletedTask;

    public bool HasEnded => IsOver;

    public RpcException EndError => EndedError();

    public RequestWriter<TRequest> CreateWriter() => new(Connection, this, () => Id, _method.RequestMarshaller);

    /// <inheritdoc/>
    public override void OnResponse(Status status, ReadOnlyMemory<byte> payload)
    {
        if (status.StatusCode != StatusCode.OK)
            Fail(status);
        else if (payload.IsEmpty || Add(payload))
            End();
    }

    /// <inheritdoc/>
    public override void OnData(in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        var closes = header.Flags.HasFlag(FrameFlags.RemoteClosed);
        if (!header.Flags.HasFlag(FrameFlags.NoData) && !Add(payload))
            return;
        if (closes)
            End();
    }

    /// <inheritdoc/>
    protected override void OnFailed(RpcException error) => Responses.Complete(error);

    private bool Add(ReadOnlyMemory<byte> payload)
    {
        try
        {
            Responses.Add(Connection.Payload.Read(_method.ResponseMarshaller, payload), payload.Length);
            return true;
        }
        catch (Exception e)
        {
            Fail(TtrpcStatus.BadPayload(e));
            return false;
        }
    }

    private void End()
    {
        if (TryEnd(Status.DefaultSuccess))
            Responses.Complete();
    }
}

/// <summary>What a request writer needs to know of its call.</summary>
internal interface IRequestSource
{
    /// <summary>Completes when the opening request has been handed over.</summary>
    Task Opened { get; }

    bool HasEnded { get; }

    RpcException EndError { get; }
}

/// <summary>The stream a client writes to. A write completes when the message has found room to leave.</summary>
internal sealed class RequestWriter<TRequest>(
    ClientConnection connection, IRequestSource call, Func<uint> id, Marshaller<TRequest> marshaller)
    : IClientStreamWriter<TRequest>
{
    private bool _completed;

    /// <inheritdoc/>
    public WriteOptions? WriteOptions { get; set; }

    /// <inheritdoc/>
    public Task WriteAsync(TRequest message) => WriteAsync(message, CancellationToken.None);

    /// <inheritdoc/>
    public async Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        if (_completed)
            throw new InvalidOperationException("the request stream has been completed");
        cancellationToken.ThrowIfCancellationRequested();
        await call.Opened.WaitAsync(cancellationToken);
        if (call.HasEnded)
            throw call.EndError;
        OutgoingFrame frame;
        try
        {
            frame = FrameBuilder.Data(id(), marshaller, message, TtrpcLimits.MaxMessage);
        }
        catch (MessageTooLargeException e)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, e.Message));
        }

        await SendAsync(frame, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task CompleteAsync()
    {
        if (_completed)
            return;
        _completed = true;
        await call.Opened;
        if (!call.HasEnded)
            await SendAsync(FrameBuilder.EndOfData(id()), CancellationToken.None);
    }

    private async Task SendAsync(OutgoingFrame frame, CancellationToken cancellationToken)
    {
        try
        {
            while (!connection.TrySend(frame))
            {
                await connection.RoomAsync().WaitAsync(cancellationToken);
                if (call.HasEnded)
                    throw call.EndError;
            }
        }
        catch
        {
            frame.Return();
            throw;
        }
    }
}
