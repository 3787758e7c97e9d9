using System.Net.Sockets;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// A ttRPC connection under the standard gRPC client stubs. A call's deadline travels as its time limit and its headers
/// as metadata. Every failure is an <see cref="RpcException"/>: the server's status, Cancelled, DeadlineExceeded,
/// ResourceExhausted for a message over its limit, and Unavailable with the first reason when the connection is gone.
/// </summary>
public sealed class TtrpcClient : CallInvoker, IAsyncDisposable
{
    private readonly ClientConnection _connection;

    /// <summary>Takes over a connected socket.</summary>
    public TtrpcClient(Socket transport, TtrpcClientOptions? options = null)
        : this(new SocketTransport(transport), options ?? new TtrpcClientOptions())
    {
    }

    /// <summary>Takes over a connected stream.</summary>
    public TtrpcClient(Stream transport, TtrpcClientOptions? options = null)
        : this(
            TtrpcConnection.TransportOver(transport, options?.Reader ?? ReaderKind.Async),
            options ?? new TtrpcClientOptions())
    {
    }

    private TtrpcClient(ITransport transport, TtrpcClientOptions options)
    {
        _connection = new ClientConnection(transport, options);
        _connection.Start();
    }

    /// <summary>
    /// Completes when the connection is gone: faulted with a <see cref="TtrpcException"/> that holds the first reason,
    /// or successfully when it was this client that closed it.
    /// </summary>
    public Task Closed => _connection.Closed;

    /// <summary>Closes the connection; calls in flight fail with Unavailable.</summary>
    public ValueTask DisposeAsync() => _connection.CloseAsync();

    /// <inheritdoc/>
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        Unary(method, options, request).Result.GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = Unary(method, options, request);
        return new AsyncUnaryCall<TResponse>(
            call.Result, ClientCall.GetHeaders, ClientCall.GetStatus, ClientCall.GetTrailers, ClientCall.Dispose, call);
    }

    /// <inheritdoc/>
    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
    {
        var call = new ServerStreamingClientCall<TRequest, TResponse>(_connection, method, _connection.Time);
        Open(call, method, options, method.RequestMarshaller, request, FrameFlags.RemoteClosed);
        return new AsyncServerStreamingCall<TResponse>(
            call.Responses, ClientCall.GetHeaders, ClientCall.GetStatus, ClientCall.GetTrailers, ClientCall.Dispose,
            call);
    }

    /// <inheritdoc/>
    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ClientStreamingClientCall<TRequest, TResponse>(_connection, method);
        call.Opened = Open<TRequest>(call, method, options, null, null, FrameFlags.RemoteOpen);
        return new AsyncClientStreamingCall<TRequest, TResponse>(
            call.CreateWriter(), call.Result, ClientCall.GetHeaders, ClientCall.GetStatus, ClientCall.GetTrailers,
            ClientCall.Dispose, call);
    }

    /// <inheritdoc/>
    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options)
    {
        var call = new ServerStreamingClientCall<TRequest, TResponse>(_connection, method, _connection.Time);
        call.Opened = Open<TRequest>(call, method, options, null, null, FrameFlags.RemoteOpen);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            call.CreateWriter(), call.Responses, ClientCall.GetHeaders, ClientCall.GetStatus, ClientCall.GetTrailers,
            ClientCall.Dispose, call);
    }

    private UnaryClientCall<TResponse> Unary<TRequest, TResponse>(
        Method<TRequest, TResponse> method, CallOptions options, TRequest request)
        where TRequest : class
        where TResponse : class
    {
        var call = new UnaryClientCall<TResponse>(_connection, method.ResponseMarshaller);
        _ = Open(call, method, options, method.RequestMarshaller, request, FrameFlags.None);
        return call;
    }

    /// <summary>Sends the opening request; what prevents it ends the call.</summary>
    private Task Open<TRequest>(
        ClientCall call, IMethod method, in CallOptions options, Marshaller<TRequest>? marshaller, TRequest? request,
        FrameFlags flags)
        where TRequest : class
    {
        if (!call.Prepare(options, _connection.Time, out var timeoutNano))
            return Task.CompletedTask;
        OutgoingFrame frame;
        try
        {
            frame = FrameBuilder.Request(
                method.ServiceName, method.Name, marshaller, request, flags, timeoutNano, options.Headers,
                TtrpcLimits.MaxMessage);
        }
        catch (MessageTooLargeException e)
        {
            call.Fail(new Status(StatusCode.ResourceExhausted, e.Message));
            return Task.CompletedTask;
        }
        catch (Exception e)
        {
            call.Fail(new Status(StatusCode.Internal, $"ttrpc: error marshalling request: {e.Message}", e));
            return Task.CompletedTask;
        }

        return _connection.OpenAsync(call, frame);
    }
}
