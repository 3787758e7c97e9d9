using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Has the guest look where the host has unmounted something: that makes its kernel release what was there, for all
/// containers, and with that the host's filesystem comes free. Ends with the share.
/// </summary>
internal sealed class UnmountWatcher(LiveSandbox sandbox, ILogger<UnmountWatcher> log)
    : INotificationHandler<SandboxStarted>
{
    /// <summary>Begins to watch.</summary>
    public Task Handle(SandboxStarted domainEvent, CancellationToken ct)
    {
        if (sandbox.Handles is SandboxHandles.Ready { Share: { } share, Agent: var agent })
            _ = WatchAsync(share, agent);
        return Task.CompletedTask;
    }

    private async Task WatchAsync(ISharedDirectory share, IGuestAgent agent)
    {
        await foreach (var place in share.UnmountedAsync(CancellationToken.None))
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
