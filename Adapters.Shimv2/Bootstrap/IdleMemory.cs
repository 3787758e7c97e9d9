using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// Gives memory back once the shim has nothing to do: no call for a while, but for those that only wait. There is a
/// shim for each pod of the host, and nearly always it is idle. Begins as idle.
/// </summary>
internal sealed class IdleMemory : IDisposable
{
    /// <summary>Between the last call and the release: a manager's next call comes sooner, or much later.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);

    /// <summary>Bytes allocated since the last release that make another worth its four milliseconds.</summary>
    public const long Worth = 512 * 1024;

    private readonly Lock _gate = new();
    private readonly Func<long> _allocated;
    private readonly Action _release;
    private readonly ITimer _timer;
    private long _last = -Worth;
    private int _calls;

    /// <summary>
    /// Waits by <paramref name="time"/>; <paramref name="allocated"/> tells the bytes allocated since the start.
    /// </summary>
    public IdleMemory(TimeProvider time, Func<long> allocated, Action release)
    {
        _allocated = allocated;
        _release = release;
        _timer = time.CreateTimer(static idle => ((IdleMemory)idle!).OnQuiet(), this, Quiet, Timeout.InfiniteTimeSpan);
    }

    /// <summary>That of this process.</summary>
    public static IdleMemory OfThisProcess() => new(TimeProvider.System, () => GC.GetTotalAllocatedBytes(), Release);

    /// <summary>Does the work of a call, during which nothing is given back.</summary>
    public async Task<T> BusyAsync<T>(Func<Task<T>> work)
    {
        lock (_gate)
        {
            if (_calls++ == 0)
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        try
        {
            return await work();
        }
        finally
        {
            lock (_gate)
            {
                if (--_calls == 0)
                    _timer.Change(Quiet, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Gives back no more.</summary>
    public void Dispose() => _timer.Dispose();

    private static void Release()
    {
        // Aggressive: also what the collector would keep for allocations to come.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        ResidentMemory.Release();
    }

    private void OnQuiet()
    {
        lock (_gate)
        {
            if (_calls > 0 || _allocated() - _last < Worth)
                return;
            _last = _allocated();
        }

        _release();
    }
}
