using Polly;
using Polly.Retry;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>How long an event waits between two tries at a daemon that is away.</summary>
internal static class EventRetry
{
    /// <summary>
    /// A daemon that has restarted meanwhile fails once, for the old connection is dead and a new one is there at once;
    /// one that fails as often as this is away.
    /// </summary>
    public const int AwayAfter = 2;

    // A daemon that is being upgraded comes back in seconds; asking more often than this only burns its start.
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);

    // 10 ms doubled so often exceed the longest pause; more would leave the numbers.
    private const int Doublings = 9;

    /// <summary>Tries until one succeeds or the token fires: at once, then in growing pauses.</summary>
    public static ResiliencePipeline Build(TimeProvider time) => new ResiliencePipelineBuilder
    {
        Name = "events-to-daemon",
        TimeProvider = time,
    }
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = int.MaxValue,
            ShouldHandle = static args => ValueTask.FromResult(
                args.Outcome.Exception is not null && !args.Context.CancellationToken.IsCancellationRequested),
            DelayGenerator = static args => ValueTask.FromResult<TimeSpan?>(PauseAfter(args.AttemptNumber)),
        })
        .Build();

    /// <summary>The pause after so many retries.</summary>
    internal static TimeSpan PauseAfter(int retries)
    {
        if (retries == 0)
            return TimeSpan.Zero;
        var pause = FirstPause * (1 << Math.Min(retries - 1, Doublings));
        return pause < LongestPause ? pause : LongestPause;
    }
}
