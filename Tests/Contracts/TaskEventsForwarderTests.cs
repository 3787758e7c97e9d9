using System.Collections.Concurrent;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Events;
using Kata.Core.Application.Ports;
using Kata.Platform.Protos.Containerd.Events;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kata.Tests.Contracts;

/// <summary>The forwarder, on a connection that is lost now and then.</summary>
public sealed class TaskEventsForwarderTests : TaskEventsContract, IAsyncDisposable
{
    private readonly LossyConnection _connection = new();
    private readonly EventForwarder _forwarder;

    public TaskEventsForwarderTests() => _forwarder = new EventForwarder(
        _connection, new ShimEnvironment("default", "/run/ttrpc"), TimeProvider.System,
        NullLogger<EventForwarder>.Instance);

    protected override ITaskEvents Port => _forwarder;

    protected override IReadOnlyList<string> Arrived => [.. _connection.Topics];

    public ValueTask DisposeAsync() => _forwarder.DisposeAsync();

    private sealed class LossyConnection : IEventsConnection
    {
        private int _calls;

        public ConcurrentQueue<string> Topics { get; } = new();

        public Task ForwardAsync(ForwardRequest request, CancellationToken ct)
        {
            if (_calls++ % 3 < 2)
                throw new IOException("the connection is lost");
            Topics.Enqueue(request.Envelope.Topic);
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
