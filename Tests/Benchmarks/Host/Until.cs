using System.Diagnostics;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>Waits for what tells nobody that it has come.</summary>
internal static class Until
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Looks again and again; fails after the limit.</summary>
    public static async Task TrueAsync(Func<bool> condition, TimeSpan limit, string what)
    {
        var since = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(since) > limit)
                throw new TimeoutException($"{what}: not within {limit.TotalSeconds} s");
            await Task.Delay(Pause);
        }
    }
}
