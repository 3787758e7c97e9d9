using System.Globalization;
using System.Net.Sockets;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// Dials until the guest answers, the time is over, or the caller knows better (its token fires when the VMM has died).
/// </summary>
internal static class DialResilience
{
    /// <summary>Between two tries: short beside any boot, and no busy loop.</summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>A kernel race can leave a handshake unanswered for ever; a new one then succeeds.</summary>
    internal static readonly TimeSpan PerTry = TimeSpan.FromSeconds(10);

    /// <summary>The connected socket; DeadlineExceeded says where, for how long, and why the last try failed.</summary>
    public static async Task<Socket> DialAsync(IGuestDialer dialer, GuestEndpoint endpoint, TimeSpan within, TimeProvider time, CancellationToken ct)
    {
        var tries = 0;
        Exception? last = null;
        var pipeline = new ResiliencePipelineBuilder<Socket> { TimeProvider = time }
            .AddTimeout(new TimeoutStrategyOptions { Timeout = within })
            .AddRetry(new RetryStrategyOptions<Socket>
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Constant,
                Delay = Pause,
                ShouldHandle = static args => ValueTask.FromResult(args.Outcome.Exception is NotListeningException or TimeoutRejectedException),
                OnRetry = args =>
                {
                    last = args.Outcome.Exception;
                    return ValueTask.CompletedTask;
                },
            })
            .AddTimeout(new TimeoutStrategyOptions { Timeout = PerTry < within ? PerTry : within })
            .Build();

        var started = time.GetTimestamp();
        try
        {
            return await pipeline.ExecuteAsync(
                async token =>
                {
                    tries++;
                    return await dialer.DialOnceAsync(token);
                },
                ct);
        }
        catch (TimeoutRejectedException e)
        {
            throw NoAnswer(endpoint, time.GetElapsedTime(started), tries, last ?? e);
        }
    }

    private static KataException NoAnswer(GuestEndpoint endpoint, TimeSpan after, int tries, Exception last)
    {
        var reason = last is TimeoutRejectedException ? "no answer to the greeting" : last.Message;
        return new KataException(ErrorKind.DeadlineExceeded,
            string.Create(CultureInfo.InvariantCulture, $"the guest agent did not answer at {endpoint} within {after.TotalSeconds:0.0} s ({tries} tries, last: {reason})"), last);
    }
}
