using System.Threading.Channels;

namespace Kata.Tests.Harness;

/// <summary>
/// Makes channels whose readers go on within the write. Through the thread pool, as is usual, what was written would
/// race with virtual time: the pump moves its clock once nothing is on its way to it, and a pool thread that the kernel
/// keeps waiting looks like nothing.
/// </summary>
internal static class HarnessChannel
{
    /// <summary>A channel without a bound.</summary>
    public static Channel<T> Unbounded<T>() =>
        Channel.CreateUnbounded<T>(new UnboundedChannelOptions { AllowSynchronousContinuations = true });
}
