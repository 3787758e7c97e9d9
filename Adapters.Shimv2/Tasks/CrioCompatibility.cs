using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Core.Application.Messaging;
using Kata.Core.Domain;
using Kata.Platform.Protos.Containerd.TaskV2;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>
/// What CRI-O needs answered otherwise than containerd: it fails a stop when a terminating signal is refused, and a
/// removal when there is nothing left to delete. It is known by giving its shims no address for events.
/// </summary>
internal sealed class CrioCompatibility(ShimEnvironment environment, TimeProvider time)
{
    private const uint SigKill = 9;
    private const uint SigTerm = 15;

    /// <summary>Signals; what is gone counts as ended.</summary>
    public async Task<Done> SignalAsync(uint signal, Func<Task<Done>> send)
    {
        try
        {
            return await send();
        }
        catch (KataException e)
            when (environment.IsCrio && e.Kind == ErrorKind.NotFound && (signal is SigKill or SigTerm))
        {
            return Done.Value;
        }
    }

    /// <summary>Deletes; what is gone counts as deleted.</summary>
    public async Task<DeleteResponse> DeleteAsync(Func<Task<DeleteResponse>> send)
    {
        try
        {
            return await send();
        }
        catch (KataException e) when (environment.IsCrio && e.Kind == ErrorKind.NotFound)
        {
            return new DeleteResponse { ExitedAt = Timestamp.FromDateTimeOffset(time.GetUtcNow()) };
        }
    }
}
