using System.Collections.Concurrent;
using FluentAssertions;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Events;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Containerd.Events;
using Kata.Platform.Protos.Containerd.Types;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using EventsService = Kata.Platform.Protos.Containerd.Events.Events;

namespace Kata.Tests.Unit.Shimv2;

public sealed class EventForwarderTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly ContainerId Container = ContainerId.Parse("c1");
    private readonly TtrpcPair _pair = new();
    private readonly Daemon _daemon = new();
    private readonly EventForwarder _forwarder;

    public EventForwarderTests()
    {
        var environment = new ShimEnvironment("moby", _pair.Path);
        _forwarder = new EventForwarder(
            new EventsConnection(environment, TimeProvider.System), environment, TimeProvider.System,
            NullLogger<EventForwarder>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _forwarder.DisposeAsync();
        await _pair.DisposeAsync();
    }

    [Fact]
    public async Task Enqueue_forwards_in_order_with_namespace_and_time()
    {
        Serve();

        foreach (var fact in Life())
            _forwarder.Enqueue(fact);
        await DrainAsync();

        _daemon.Received.Select(e => e.Topic)
            .Should().Equal("/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete");
        _daemon.Received.Should().OnlyContain(e => e.Namespace == "moby" && e.Timestamp.Seconds > 0);
        _daemon.Namespaces.Should().OnlyContain(ns => ns == "moby");
        _daemon.Received.Select(e => e.Event.TypeUrl).Should().StartWith("containerd.events.TaskCreate");
    }

    [Fact]
    public async Task Enqueue_while_the_daemon_is_away_keeps_the_order_until_it_is_back()
    {
        Serve();
        _forwarder.Enqueue(Started(0));
        await DrainAsync();
        await _pair.StopServingAsync();
        for (var i = 1; i <= 5; i++)
            _forwarder.Enqueue(Started(i));

        Serve();
        for (var i = 6; i <= 10; i++)
            _forwarder.Enqueue(Started(i));
        await DrainAsync();

        _daemon.Received.Select(e => TaskStart.Parser.ParseFrom(e.Event.Value).Pid)
            .Should().Equal(Enumerable.Range(0, 11).Select(i => (uint)i));
    }

    [Fact]
    public async Task Enqueue_when_the_daemon_refuses_an_event_goes_on_with_the_next()
    {
        _daemon.Refuse = envelope => envelope.Topic == "/tasks/start" ? StatusCode.InvalidArgument : StatusCode.OK;
        Serve();

        foreach (var fact in Life())
            _forwarder.Enqueue(fact);
        await DrainAsync();

        _daemon.Received.Select(e => e.Topic).Should().Equal("/tasks/create", "/tasks/exit", "/tasks/delete");
    }

    [Fact]
    public async Task Drain_when_the_daemon_stays_away_ends_with_its_token()
    {
        _forwarder.Enqueue(Started(1));
        using var bound = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));

        await _forwarder.DrainAsync(bound.Token);

        bound.IsCancellationRequested.Should().BeTrue();
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(1, 20)]
    [InlineData(8, 2560)]
    [InlineData(9, 5000)]
    [InlineData(int.MaxValue, 5000)]
    public void Pause_when_the_daemon_stays_away_grows_to_its_limit(int retries, int milliseconds) =>
        EventRetry.PauseAfter(retries).Should().Be(TimeSpan.FromMilliseconds(milliseconds));

    [Fact]
    public void ToEvent_maps_every_fact_or_is_deliberately_silent()
    {
        var exit = new ExitStatus(7, At);
        var exec = new ProcessRef(Container, ExecId.Parse("e1"));

        Topic(new ExecAdded(exec)).Should().Be("/tasks/exec-added");
        Topic(new ExecStarted(exec, 5)).Should().Be("/tasks/exec-started");
        Topic(new ContainerPaused(Container)).Should().Be("/tasks/paused");
        Topic(new ContainerResumed(Container)).Should().Be("/tasks/resumed");
        Topic(new ContainerOutOfMemory(Container)).Should().Be("/tasks/oom");
        Topic(new ExecDeleted(exec)).Should().BeNull();
        Topic(new SandboxStopped(SandboxId.Parse("s1"))).Should().BeNull();
        Exit(new ProcessExited(exec, 5, exit)).Should().Be(
            new TaskExit
            {
                ContainerId = "c1",
                Id = "e1",
                Pid = 5,
                ExitStatus = 7,
                ExitedAt = Timestamp.FromDateTimeOffset(At)
            });
        Exit(new ProcessExited(new ProcessRef(Container), 5, exit)).Id.Should().Be("c1");
    }

    private static string? Topic(IDomainEvent fact) => TaskEventMapping.ToEvent(fact)?.Topic;

    private static TaskExit Exit(ProcessExited fact)
    {
        var mapped = TaskEventMapping.ToEvent(fact)!;
        mapped.IsExit.Should().BeTrue();
        mapped.Event.TypeUrl.Should().Be("containerd.events.TaskExit");
        return TaskExit.Parser.ParseFrom(mapped.Event.Value);
    }

    private static IDomainEvent[] Life() =>
    [
        new ContainerCreated(
            Container, HostPath.Parse("/b", "bundle"), [new MountSpec("overlay", "o", "/", ["ro"])],
            new Stdio("", "/out", "", false), 5),
        Started(5),
        new ProcessExited(new ProcessRef(Container), 5, new ExitStatus(0, At)),
        new ContainerDeleted(Container, 5, new ExitStatus(0, At)),
    ];

    private static ContainerStarted Started(int pid) => new(Container, pid);

    private void Serve() =>
        _pair.Serve(server => server.AddService(binder => EventsService.BindService(binder, _daemon)));

    private async Task DrainAsync()
    {
        using var bound = new CancellationTokenSource(Patience);
        await _forwarder.DrainAsync(bound.Token);
        bound.IsCancellationRequested.Should().BeFalse("everything is delivered in time");
    }

    private sealed class Daemon : EventsService.EventsBase
    {
        public ConcurrentQueue<Envelope> Received { get; } = new();

        public ConcurrentQueue<string?> Namespaces { get; } = new();

        public Func<Envelope, StatusCode> Refuse { get; set; } = _ => StatusCode.OK;

        public override Task<Empty> Forward(ForwardRequest request, ServerCallContext context)
        {
            if (Refuse(request.Envelope) is var code and not StatusCode.OK)
                throw new RpcException(new Grpc.Core.Status(code, "refused"));
            Namespaces.Enqueue(context.RequestHeaders.GetValue("containerd-namespace-ttrpc"));
            Received.Enqueue(request.Envelope);
            return Task.FromResult(new Empty());
        }
    }
}
