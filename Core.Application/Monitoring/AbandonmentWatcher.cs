using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Ends a shim that has had no container for a while. A container manager that is killed between <c>start</c> and the
/// end of a creation leaves such a one; when it comes back it may connect to it and still never ask it to end, as
/// containerd 1.6 does.
/// </summary>
public sealed class AbandonmentWatcher
{
    // Long beside the moment between `start` and the first creation, on however busy a host.
    private const int ChecksToEnd = 3;
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(20);

    private readonly ContainerRegistry _containers;
    private readonly ShimLifetime _lifetime;
    private readonly TimeProvider _time;
    private readonly ILogger<AbandonmentWatcher> _log;

    internal AbandonmentWatcher(
        ContainerRegistry containers, ShimLifetime lifetime, TimeProvider time, ILogger<AbandonmentWatcher> log)
    {
        _containers = containers;
        _lifetime = lifetime;
        _time = time;
        _log = log;
    }

    /// <summary>Begins to watch, until the shim ends.</summary>
    public void Start() => _ = WatchAsync();

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(CheckPeriod, _time);
        for (var empty = 0; empty < ChecksToEnd; empty = _containers.IsEmpty ? empty + 1 : 0)
        {
            await Task.WhenAny(timer.WaitForNextTickAsync().AsTask(), _lifetime.Ended);
            if (_lifetime.Ended.IsCompleted)
                return;
        }

        WatchLog.Abandoned(_log, (CheckPeriod * ChecksToEnd).TotalSeconds);
        _lifetime.BeginEnd();
    }
}
