namespace Kata.Core.Application.Creation;

/// <summary>
/// A limit in time that the machine could use: how long a busy host kept it waiting for a processor does not count, up
/// to
/// <see cref="MaxFactor"/> times the limit in all.
/// </summary>
internal sealed class MachineTime : IDisposable
{
    /// <summary>At the limits as they are installed this is kubelet's patience for a pod, four minutes.</summary>
    public const int MaxFactor = 4;

    // Waiting ends nearly when the time does: so the last looks come close to each other, but not closer.
    private static readonly TimeSpan ShortestStep = TimeSpan.FromMilliseconds(100);

    private readonly Func<TimeSpan> _keptWaiting;
    private readonly TimeProvider _time;
    private readonly long _begin;
    private readonly TimeSpan _waitedBefore;
    private readonly CancellationTokenSource _over = new();
    private readonly ITimer _timer;

    /// <summary>Begins to count.</summary>
    /// <param name="allowed">The limit.</param>
    /// <param name="keptWaiting">How long the machine has been kept waiting so far; it only grows.</param>
    /// <param name="time">The clock.</param>
    public MachineTime(TimeSpan allowed, Func<TimeSpan> keptWaiting, TimeProvider time)
    {
        Allowed = allowed;
        _keptWaiting = keptWaiting;
        _time = time;
        _begin = time.GetTimestamp();
        _waitedBefore = keptWaiting();
        _timer = time.CreateTimer(_ => Look(), null, allowed, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The limit.</summary>
    public TimeSpan Allowed { get; private set; }

    /// <summary>What of the time since the begin is not counted.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Fires when the time is spent.</summary>
    public CancellationToken Token => _over.Token;

    /// <summary>Another limit, counted from the same begin.</summary>
    public void Allow(TimeSpan allowed)
    {
        Allowed = allowed;
        Look();
    }

    /// <summary>The limit for a person, with what was added to it.</summary>
    /// <param name="key">The key of the settings that gives it.</param>
    public string Describe(string key)
    {
        var limit = $"{Allowed.TotalSeconds:0} s ({key})";
        return Waited < TimeSpan.FromSeconds(1)
            ? limit
            : $"{limit} and {Waited.TotalSeconds:0} s more in which the busy host gave the machine no processor "
                + $"(at most {(Allowed * MaxFactor).TotalSeconds:0} s in all)";
    }

    public void Dispose()
    {
        _timer.Dispose();
        _over.Dispose();
    }

    private void Look()
    {
        // A machine that has ended tells nothing any more.
        if (_keptWaiting() - _waitedBefore is var waited && waited > Waited)
            Waited = waited;
        var limit = Waited < Allowed * (MaxFactor - 1) ? Allowed + Waited : Allowed * MaxFactor;
        var rest = limit - _time.GetElapsedTime(_begin);
        try
        {
            if (rest > TimeSpan.Zero)
                _timer.Change(rest > ShortestStep ? rest : ShortestStep, Timeout.InfiniteTimeSpan);
            else
                _over.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // What was to be limited has ended at the same moment.
        }
    }
}
