using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.ShimProcess;

/// <summary>
/// The end of this process: the sandbox first, then the events that are still queued, each within a bound.
/// </summary>
public sealed class ShimLifetime
{
    // Longer than the sandbox's own budget of 4 s, so that a stop which needs all of it is not cut short.
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan EventsBound = TimeSpan.FromSeconds(3);

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ISender _sender;
    private readonly ITaskEvents _events;
    private readonly TimeProvider _time;
    private readonly ILogger<ShimLifetime> _log;
    private int _begun;

    internal ShimLifetime(ISender sender, ITaskEvents events, TimeProvider time, ILogger<ShimLifetime> log)
    {
        _sender = sender;
        _events = events;
        _time = time;
        _log = log;
    }

    /// <summary>Completes when there is nothing left to do but to close the socket; never faults.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Begins the end; further calls change nothing.</summary>
    internal void BeginEnd()
    {
        if (Interlocked.Exchange(ref _begun, 1) == 0)
            _ = EndAsync();
    }

    private async Task EndAsync()
    {
        try
        {
            await _sender.Send(new StopSandbox()).WaitAsync(StopBound, _time);
        }
        catch (Exception e)
        {
            ShimLog.StopFailed(_log, e.Message);
        }

        using var bound = new CancellationTokenSource(EventsBound, _time);
        try
        {
            await _events.DrainAsync(bound.Token);
        }
        catch (Exception)
        {
            ShimLog.EventsLeft(_log);
        }

        _ended.SetResult();
    }
}

/// <summary>Event ids 1250 to 1299.</summary>
internal static partial class ShimLog
{
    [LoggerMessage(1250, LogLevel.Error, "the sandbox did not stop cleanly: {Reason}")]
    public static partial void StopFailed(ILogger log, string reason);

    [LoggerMessage(1251, LogLevel.Warning, "the shim exits with undelivered events")]
    public static partial void EventsLeft(ILogger log);
}
