using System.Collections.Concurrent;
using System.Collections.Frozen;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Type = System.Type;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// Reads the agent's answers without the fields that this version does not know: kept, as a parser keeps them, each
/// small one would be an object or more.
/// </summary>
internal sealed class KnownFields(CallInvoker inner) : CallInvoker
{
    private static readonly FrozenDictionary<Type, MessageParser> Parsers = new Dictionary<Type, MessageParser>
    {
        [typeof(Empty)] = Empty.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.HealthCheckResponse)] = Proto.HealthCheckResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.GuestDetailsResponse)] = Proto.GuestDetailsResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.OOMEvent)] = Proto.OOMEvent.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.WaitProcessResponse)] = Proto.WaitProcessResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.ReadStreamResponse)] = Proto.ReadStreamResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.WriteStreamResponse)] = Proto.WriteStreamResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.StatsContainerResponse)] = Proto.StatsContainerResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.VolumeStatsResponse)] = Proto.VolumeStatsResponse.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.Interface)] = Proto.Interface.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.Segment)] = Proto.Segment.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.NameQuestion)] = Proto.NameQuestion.Parser.WithDiscardUnknownFields(true),
        [typeof(Proto.Routes)] = Proto.Routes.Parser.WithDiscardUnknownFields(true),
    }.ToFrozenDictionary();

    // A method is made once, like those of the stubs.
    private readonly ConcurrentDictionary<IMethod, IMethod> _methods = new();

    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        inner.BlockingUnaryCall(Of(method), host, options, request);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        inner.AsyncUnaryCall(Of(method), host, options, request);

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
        inner.AsyncServerStreamingCall(Of(method), host, options, request);

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        inner.AsyncClientStreamingCall(Of(method), host, options);

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string? host, CallOptions options) =>
        inner.AsyncDuplexStreamingCall(Of(method), host, options);

    private Method<TRequest, TResponse> Of<TRequest, TResponse>(Method<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class => (Method<TRequest, TResponse>)_methods.GetOrAdd(method, static known =>
    {
        var method = (Method<TRequest, TResponse>)known;
        if (!Parsers.TryGetValue(typeof(TResponse), out var parser))
            return method;
        var marshaller = new Marshaller<TResponse>(
            static (_, _) => throw new InvalidOperationException("an answer is only read"),
            context => (TResponse)parser.ParseFrom(context.PayloadAsReadOnlySequence()));
        return new Method<TRequest, TResponse>(
            method.Type, method.ServiceName, method.Name, method.RequestMarshaller, marshaller);
    });
}
