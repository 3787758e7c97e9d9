using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Platform.Protos.Containerd.Events;
using Kata.Platform.Protos.Containerd.Types;
using Microsoft.Extensions.Logging;
using Polly;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>
/// Sends events to the daemon, one at a time and in order. A head that cannot be delivered waits in its place until the
/// daemon is back, so nothing is overtaken; one that the daemon refuses is logged and given up.
/// </summary>
internal sealed class EventForwarder : ITaskEvents, IAsyncDisposable
{
    /// <summary>As containerd's own shims: minutes of a busy pod.</summary>
    public const int Capacity = 2048;

    // A daemon that answers but cannot take an event, say for lack of memory, gets this many more chances.
    private const int Refusals = 5;

    private readonly EventQueue<QueuedEvent> _queue = new(Capacity, queued => queued.Event.IsExit);
    private readonly CancellationTokenSource _stop = new();
    private readonly IEventsConnection _connection;
    private readonly ShimEnvironment _environment;
    private readonly TimeProvider _time;
    private readonly ILogger<EventForwarder> _log;
    private readonly Task _loop;
    private ResiliencePipeline? _untilDelivered;

    public EventForwarder(
        IEventsConnection connection, ShimEnvironment environment, TimeProvider time, ILogger<EventForwarder> log)
    {
        _connection = connection;
        _environment = environment;
        _time = time;
        _log = log;
        _loop = RunAsync();
    }

    public void Enqueue(IDomainEvent domainEvent)
    {
        if (TaskEventMapping.ToEvent(domainEvent) is not { } taskEvent)
            return;
        if (_queue.Add(new QueuedEvent(taskEvent, _time.GetUtcNow())) is { } dropped)
            EventLog.Dropped(_log, dropped.Event.Topic, "the queue is full");
    }

    public async Task DrainAsync(CancellationToken ct)
    {
        try
        {
            await _queue.EmptyAsync().WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            EventLog.LeftBehind(_log, _queue.Count);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        await _connection.DisposeAsync();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            // The owner's constructor must not run the loop.
            await System.Threading.Tasks.Task.Yield();
            while (true)
            {
                var head = await _queue.PeekAsync(_stop.Token);
                await DeliverAsync(head);
                _queue.Remove(head);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task DeliverAsync(QueuedEvent head)
    {
        var refusals = 0;
        var isAway = false;
        try
        {
            await TryAsync(_stop.Token);
            return;
        }
        catch (Exception) when (!_stop.IsCancellationRequested)
        {
            // A daemon that has restarted meanwhile: the old connection is dead, a new one is there at once.
        }

        // Made when it is needed, for few shims ever do and each would hold it: half a megabyte with its code.
        _untilDelivered ??= EventRetry.Build(_time);
        await _untilDelivered.ExecuteAsync(
            async stop =>
            {
                try
                {
                    await TryAsync(stop);
                }
                catch (Exception e) when (!isAway && !stop.IsCancellationRequested)
                {
                    isAway = true;
                    EventLog.Retrying(_log, head.Event.Topic, e.Message);
                    throw;
                }
            },
            _stop.Token);

        async Task TryAsync(CancellationToken stop)
        {
            try
            {
                await _connection.ForwardAsync(ToRequest(head), stop);
            }
            catch (RpcException e)
                when (e.StatusCode == StatusCode.InvalidArgument || (!IsConnectionLoss(e) && ++refusals > Refusals))
            {
                EventLog.Dropped(_log, head.Event.Topic, e.Status.Detail);
            }
        }
    }

    private ForwardRequest ToRequest(QueuedEvent queued) => new()
    {
        Envelope = new Envelope
        {
            Timestamp = Timestamp.FromDateTimeOffset(queued.At),
            Namespace = _environment.Namespace,
            Topic = queued.Event.Topic,
            Event = queued.Event.Event,
        },
    };

    private static bool IsConnectionLoss(RpcException e) =>
        e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled;

    private sealed record QueuedEvent(TaskEvent Event, DateTimeOffset At);
}
