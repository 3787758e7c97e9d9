namespace Kata.Tests.Harness;

/// <summary>
/// A clock that stands still until it is moved; timers fire on the caller of the move, in the order of their due times.
/// </summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private long _ticks = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;
    private long _nextOrder;

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Time that has passed since the clock was made.</summary>
    public TimeSpan Elapsed => GetUtcNow() - new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
            return new DateTimeOffset(_ticks, TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock)
            return _ticks;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Completes after that much virtual time.</summary>
    public Task Delay(TimeSpan time, CancellationToken ct = default) => Task.Delay(time, this, ct);

    /// <summary>Moves the clock to the next timer that is due and fires it. False if no timer is set.</summary>
    public bool MoveToNextTimer()
    {
        ManualTimer next;
        lock (_lock)
        {
            if (_timers.Count == 0)
                return false;
            next = _timers.MinBy(timer => (timer.Due, timer.Order))!;
            _ticks = Math.Max(_ticks, next.Due);
            Rearm(next);
        }

        next.Fire();
        return true;
    }

    /// <summary>Moves the clock by so much, firing what comes due on the way.</summary>
    public void Advance(TimeSpan by)
    {
        var end = GetTimestamp() + by.Ticks;
        while (true)
        {
            lock (_lock)
            {
                if (_timers.Count == 0 || _timers.Min(timer => timer.Due) > end)
                {
                    _ticks = end;
                    return;
                }
            }

            MoveToNextTimer();
        }
    }

    private void Rearm(ManualTimer timer)
    {
        if (timer.Period > 0)
            timer.Due = _ticks + timer.Period;
        else
            _timers.Remove(timer);
    }

    private sealed class ManualTimer(ManualTime clock, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; }

        public long Period { get; private set; }

        public long Order { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
                Period = period > TimeSpan.Zero ? period.Ticks : 0;
                if (dueTime < TimeSpan.Zero)
                    return true;
                Due = clock._ticks + dueTime.Ticks;
                Order = clock._nextOrder++;
                clock._timers.Add(this);
                return true;
            }
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (clock._lock)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
