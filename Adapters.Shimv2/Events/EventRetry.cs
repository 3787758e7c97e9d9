using Polly;
using Polly.Retry;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>How long an event waits between two tries at a daemon that is away.</summary>
internal static class EventRetry
{
    // A daemon that is being upgraded comes back in seconds; asking more often than this only burns its start.
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);

    // 10 ms doubled so often exceed the longest pause; more would leave the numbers.
    private const int Doublings = 9;

    /// <summary>Tries until one succeeds or the token fires, in growing pauses.</summary>
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
        var pause = FirstPause * (1 << Math.Min(retries, Doublings));
        return pause < LongestPause ? pause : LongestPause;
    }
}
