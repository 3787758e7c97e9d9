using Polly;
using Polly.Retry;

namespace Kata.Adapters.Guest;

/// <summary>Tries again what the host refuses for a moment.</summary>
internal static class Retries
{
    /// <summary>
    /// A pipeline that tries so many times more, with a pause before each, while what is thrown is of the passing kind;
    /// the last of it is thrown on.
    /// </summary>
    public static ResiliencePipeline Build(
        string name, TimeProvider time, int more, TimeSpan pause, Func<Exception, bool> isPassing,
        DelayBackoffType backoff = DelayBackoffType.Constant) =>
        new ResiliencePipelineBuilder { Name = name, TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = more,
                Delay = pause,
                BackoffType = backoff,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is { } e && isPassing(e)),
            })
            .Build();
}
