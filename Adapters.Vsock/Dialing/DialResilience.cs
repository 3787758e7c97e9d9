using System.Globalization;
using System.Net.Sockets;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// Tries until the guest answers or the caller's token fires, which is the start deadline or "the VMM has died".
/// </summary>
internal sealed class DialResilience
{
    /// <summary>Between two tries: short beside any boot, and no busy loop.</summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>A kernel race can leave a handshake unanswered for ever; a new one then succeeds.</summary>
    internal static readonly TimeSpan PerDial = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _untilAnswered;
    private readonly ResiliencePipeline _bounded;

    public DialResilience(TimeProvider time)
    {
        _time = time;
        _untilAnswered = new ResiliencePipelineBuilder { Name = "agent-until-answered", TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Constant,
                Delay = Pause,
                ShouldHandle = static args => ValueTask.FromResult(args.Outcome.Exception is NotListeningException),
            })
            .Build();
        _bounded = new ResiliencePipelineBuilder { Name = "agent-dial", TimeProvider = time }
            .AddTimeout(new TimeoutStrategyOptions { Timeout = PerDial })
            .Build();
    }

    /// <summary>Runs tries one after the other, until one returns.</summary>
    /// <exception cref="KataException">DeadlineExceeded when the token fires: where, for how long, how often, and why
    /// the last try failed.</exception>
    public async Task<IGuestAgent> UntilAnsweredAsync(
        Func<CancellationToken, Task<IGuestAgent>> tryOnce, GuestEndpoint endpoint, CancellationToken ct)
    {
        var tries = 0;
        var last = "still waiting for the first answer";
        var started = _time.GetTimestamp();
        try
        {
            return await _untilAnswered.ExecuteAsync(
                async token =>
                {
                    tries++;
                    try
                    {
                        return await tryOnce(token);
                    }
                    catch (NotListeningException e)
                    {
                        last = e.Message;
                        throw;
                    }
                },
                ct);
        }
        catch (Exception e)
            when (ct.IsCancellationRequested && e is OperationCanceledException or NotListeningException)
        {
            throw new KataException(ErrorKind.DeadlineExceeded,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the guest agent did not answer at {endpoint} within "
                    + $"{_time.GetElapsedTime(started).TotalSeconds:0.0} s ({tries} tries; last: {last})"), e);
        }
    }

    /// <summary>One dial, given up after <see cref="PerDial"/>.</summary>
    public async Task<Socket> BoundedAsync(Func<CancellationToken, Task<Socket>> dial, CancellationToken ct)
    {
        try
        {
            return await _bounded.ExecuteAsync(
                static async (dial, token) => await dial(token), dial, ct);
        }
        catch (TimeoutRejectedException e)
        {
            throw new NotListeningException(
                string.Create(
                    CultureInfo.InvariantCulture, $"no answer to the handshake for {PerDial.TotalSeconds:0} s"), e);
        }
    }
}
