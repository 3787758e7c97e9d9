using System.Text;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// Service and method name to what parses the request and runs the handler. Complete before the first connection.
/// </summary>
internal sealed class ServiceTable(TtrpcServerOptions options)
{
    private const int MaxName = 256;
    private readonly Dictionary<string, Dictionary<string, ServerMethod>> _services = new(StringComparer.Ordinal);

    public void Bind(Action<ServiceBinderBase> bind, string? name) => bind(new Binder(this, name));

    /// <summary>
    /// False leaves <paramref name="method"/> null; <paramref name="serviceKnown"/> then says which name was wrong.
    /// </summary>
    public bool TryFind(
        ReadOnlySpan<byte> service, ReadOnlySpan<byte> methodName, out ServerMethod? method, out bool serviceKnown)
    {
        method = null;
        serviceKnown = false;
        if (service.Length > MaxName || !TryFindService(service, out var methods))
            return false;
        serviceKnown = true;
        if (methodName.Length > MaxName)
            return false;
        Span<char> name = stackalloc char[MaxName];
        var length = Encoding.UTF8.GetChars(methodName, name);
        return methods!.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name[..length], out method);
    }

    private bool TryFindService(ReadOnlySpan<byte> service, out Dictionary<string, ServerMethod>? methods)
    {
        Span<char> name = stackalloc char[MaxName];
        var length = Encoding.UTF8.GetChars(service, name);
        return _services.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name[..length], out methods);
    }

    private void Add(string? serviceName, IMethod method, Func<bool, ServerMethod> create)
    {
        var service = serviceName ?? method.ServiceName;
        if (!_services.TryGetValue(service, out var methods))
            _services.Add(service, methods = new Dictionary<string, ServerMethod>(StringComparer.Ordinal));
        var bound = create(options.RunInline?.Invoke(service, method.Name) ?? false);
        bound.IsUrgent = options.IsUrgent?.Invoke(service, method.Name) ?? false;
        if (!methods.TryAdd(method.Name, bound))
            throw new InvalidOperationException($"{service}/{method.Name} is already bound");
    }

    private sealed class Binder(ServiceTable table, string? name) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            table.Add(
                name, method, inline => new UnaryMethod<TRequest, TResponse>(method, name, inline, Required(handler)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) =>
            table.Add(
                name, method, inline =>
                    new ClientStreamingMethod<TRequest, TResponse>(method, name, inline, Required(handler)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            table.Add(
                name, method, inline =>
                    new ServerStreamingMethod<TRequest, TResponse>(method, name, inline, Required(handler)));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
            table.Add(
                name, method, inline =>
                    new DuplexStreamingMethod<TRequest, TResponse>(method, name, inline, Required(handler)));

        private static T Required<T>(T? handler)
            where T : class =>
            handler ?? throw new InvalidOperationException("a service is bound with its implementation");
    }
}

/// <summary>One bound method: makes the call object of a request.</summary>
internal abstract class ServerMethod(IMethod method, string? serviceName, bool inline)
{
    public string FullName { get; } = $"/{serviceName ?? method.ServiceName}/{method.Name}";

    public bool Inline { get; } = inline;

    /// <summary>Taken although there are too many calls.</summary>
    public bool IsUrgent { get; set; }

    /// <summary>Parses the payload; called by the reader.</summary>
    public abstract ServerCall Create(ServerConnection connection, in FrameHeader header, ReadOnlyMemory<byte> payload);
}

internal sealed class UnaryMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, string? serviceName, bool inline, UnaryServerMethod<TRequest,
    TResponse> handler)
    : ServerMethod(method, serviceName, inline)
    where TRequest : class
    where TResponse : class
{
    public override ServerCall Create(
        ServerConnection connection, in FrameHeader header, ReadOnlyMemory<byte> payload) =>
        new Call(
            connection, header.StreamId, this, method.ResponseMarshaller, handler,
            connection.Payload.Read(method.RequestMarshaller, payload));

    private sealed class Call(
        ServerConnection connection, uint id, ServerMethod owner, Marshaller<TResponse> marshaller,
        UnaryServerMethod<TRequest, TResponse> handler, TRequest request)
        : ServerCall(connection, id, owner)
    {
        protected override async Task InvokeAsync() => Reply(marshaller, await handler(request, this));
    }
}

internal sealed class ServerStreamingMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, string? serviceName, bool inline, ServerStreamingServerMethod<TRequest,
    TResponse> handler)
    : ServerMethod(method, serviceName, inline)
    where TRequest : class
    where TResponse : class
{
    public override ServerCall Create(
        ServerConnection connection, in FrameHeader header, ReadOnlyMemory<byte> payload) =>
        new Call(
            connection, header.StreamId, this, method.ResponseMarshaller, handler,
            connection.Payload.Read(method.RequestMarshaller, payload));

    private sealed class Call(
        ServerConnection connection, uint id, ServerMethod owner, Marshaller<TResponse> marshaller,
        ServerStreamingServerMethod<TRequest, TResponse> handler, TRequest request)
        : ServerCall(connection, id, owner)
    {
        protected override async Task InvokeAsync()
        {
            await handler(request, new ResponseWriter<TResponse>(this, marshaller), this);
            EndStream();
        }
    }
}

internal sealed class ClientStreamingMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, string? serviceName, bool inline, ClientStreamingServerMethod<TRequest,
    TResponse> handler)
    : ServerMethod(method, serviceName, inline)
    where TRequest : class
    where TResponse : class
{
    public override ServerCall Create(ServerConnection connection, in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        var call = new Call(connection, header.StreamId, this, method, handler);
        call.Open(header, payload);
        return call;
    }

    private sealed class Call(
        ServerConnection connection, uint id, ServerMethod owner, Method<TRequest, TResponse> method,
        ClientStreamingServerMethod<TRequest, TResponse> handler)
        : StreamingCall<TRequest>(connection, id, owner, method.RequestMarshaller)
    {
        protected override async Task InvokeAsync() => Reply(method.ResponseMarshaller, await handler(Requests, this));
    }
}

internal sealed class DuplexStreamingMethod<TRequest, TResponse>(
    Method<TRequest, TResponse> method, string? serviceName, bool inline, DuplexStreamingServerMethod<TRequest,
    TResponse> handler)
    : ServerMethod(method, serviceName, inline)
    where TRequest : class
    where TResponse : class
{
    public override ServerCall Create(ServerConnection connection, in FrameHeader header, ReadOnlyMemory<byte> payload)
    {
        var call = new Call(connection, header.StreamId, this, method, handler);
        call.Open(header, payload);
        return call;
    }

    private sealed class Call(
        ServerConnection connection, uint id, ServerMethod owner, Method<TRequest, TResponse> method,
        DuplexStreamingServerMethod<TRequest, TResponse> handler)
        : StreamingCall<TRequest>(connection, id, owner, method.RequestMarshaller)
    {
        protected override async Task InvokeAsync()
        {
            await handler(Requests, new ResponseWriter<TResponse>(this, method.ResponseMarshaller), this);
            EndStream();
        }
    }
}
