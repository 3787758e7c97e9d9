using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Has the guest look where the host has unmounted something: that makes its kernel let go of what was there, for all
/// containers, and with that the host's filesystem comes free. Ends with the share.
/// </summary>
internal sealed class UnmountWatcher(ILogger<UnmountWatcher> log)
{
    /// <summary>Completes with the share; never faults.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Begins to watch.</summary>
    public void Start(ISharedDirectory share, IGuestAgent agent) => Completion = WatchAsync(share, agent);

    private async Task WatchAsync(ISharedDirectory share, IGuestAgent agent)
    {
        await foreach (var place in share.TakenBackAsync(CancellationToken.None))
        {
            try
            {
                // Of all that an agent of Kata can be asked, this walks along a path and does no more.
                await agent.VolumeUsageAsync(place, CancellationToken.None);
            }
            catch (KataException failure)
            {
                // Where the folder is gone too, the guest has found that out on the way.
                WatchLog.NotLetGo(log, place, failure.Message);
            }
        }
    }
}
