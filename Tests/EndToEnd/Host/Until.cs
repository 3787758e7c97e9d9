using System.Diagnostics;

namespace Kata.Tests.EndToEnd.Host;

/// <summary>
/// Waits for facts of other processes, which nobody announces: looks every few milliseconds until a limit.
/// </summary>
internal static class Until
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    public static Task TrueAsync(Func<bool> fact, TimeSpan limit, Func<string> otherwise) =>
        TrueAsync(() => Task.FromResult(fact()), limit, otherwise);

    public static async Task TrueAsync(Func<Task<bool>> fact, TimeSpan limit, Func<string> otherwise)
    {
        var clock = Stopwatch.StartNew();
        while (!await fact())
        {
            if (clock.Elapsed > limit)
                throw new TimeoutException($"{otherwise()} (waited {limit.TotalSeconds:0.#} s)");
            await Task.Delay(Pace);
        }
    }
}
