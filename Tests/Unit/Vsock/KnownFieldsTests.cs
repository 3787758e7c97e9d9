using System.Buffers;
using FluentAssertions;
using Google.Protobuf;
using Grpc.Core;
using Kata.Adapters.Vsock.Agent;
using Xunit;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Vsock;

public class KnownFieldsTests
{
    // Field 5000, which no message has, of 4 bytes.
    private static readonly byte[] Unknown = [0xC5, 0xB8, 0x02, 1, 2, 3, 4];

    private readonly Capture _wire = new();

    [Fact]
    public void Answer_with_fields_that_are_not_known_is_read_without_them()
    {
        var known = new Proto.WaitProcessResponse { Status = 7 };
        byte[] answer = [.. known.ToByteArray(), .. Unknown];
        Proto.WaitProcessResponse.Parser.ParseFrom(answer).CalculateSize()
            .Should().BeGreaterThan(known.CalculateSize());
        var agent = new Proto.AgentService.AgentServiceClient(new KnownFields(_wire));

        _ = agent.WaitProcessAsync(new Proto.WaitProcessRequest());

        _wire.Read!(answer).Should().Be(known);
    }

    [Fact]
    public void Answer_to_each_kind_of_call_is_read_so()
    {
        var agent = new Proto.AgentService.AgentServiceClient(new KnownFields(_wire));
        Action[] calls =
        [
            () => agent.CreateContainerAsync(new Proto.CreateContainerRequest()),
            () => agent.ReadStdoutAsync(new Proto.ReadStreamRequest()),
            () => agent.WriteStdinAsync(new Proto.WriteStreamRequest()),
            () => agent.StatsContainerAsync(new Proto.StatsContainerRequest()),
            () => agent.GetOOMEventAsync(new Proto.GetOOMEventRequest()),
            () => agent.GetGuestDetailsAsync(new Proto.GuestDetailsRequest()),
            () => agent.GetVolumeStatsAsync(new Proto.VolumeStatsRequest()),
            () => agent.UpdateInterfaceAsync(new Proto.UpdateInterfaceRequest()),
            () => agent.UpdateRoutesAsync(new Proto.UpdateRoutesRequest()),
            () => new Proto.Health.HealthClient(new KnownFields(_wire)).CheckAsync(new Proto.CheckRequest()),
            () => new Proto.PortForward.PortForwardClient(new KnownFields(_wire)).Connect(),
            () => new Proto.NameRelay.NameRelayClient(new KnownFields(_wire)).Serve(),
        ];

        foreach (var call in calls)
        {
            call();
            var read = (IMessage)_wire.Read!(Unknown);
            read.CalculateSize().Should().Be(0, read.Descriptor.Name);
        }
    }

    /// <summary>Sends nothing, and keeps how an answer would be read.</summary>
    private sealed class Capture : CallInvoker
    {
        public Func<byte[], object>? Read { get; private set; }

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            Keep(method);
            return new AsyncUnaryCall<TResponse>(
                new TaskCompletionSource<TResponse>()
                    .Task, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options,
            TRequest request) => throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options)
        {
            Keep(method);
            return new AsyncDuplexStreamingCall<TRequest, TResponse>(
                null!, null!, Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        private void Keep<TRequest, TResponse>(Method<TRequest, TResponse> method) =>
            Read = bytes => method.ResponseMarshaller.ContextualDeserializer(new Payload(bytes))!;
    }

    private sealed class Payload(byte[] bytes) : DeserializationContext
    {
        public override int PayloadLength => bytes.Length;

        public override byte[] PayloadAsNewBuffer() => bytes;

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(bytes);
    }
}
