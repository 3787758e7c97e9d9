using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Follows the sandbox's network namespace from the start of its own container on, while the machine runs.
/// </summary>
internal sealed class NetworkWatcher(
    LiveSandbox sandbox, ContainerRegistry containers, SandboxNetworking networking, NameRelay names, TimeProvider time,
    ILogger<NetworkWatcher> log)
    : INotificationHandler<ContainerStarted>
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    /// <summary>Begins to watch with the container that made the sandbox; ends with the links.</summary>
    public Task Handle(ContainerStarted domainEvent, CancellationToken ct)
    {
        if (sandbox.Handles is SandboxHandles.Ready ready
            && containers.KindOf(domainEvent.Container) is ContainerKind.Single or ContainerKind.PodSandbox)
            _ = WatchAsync(ready.Links);
        return Task.CompletedTask;
    }

    // A kernel that is short of memory or too busy for a consistent answer now is not so for ever.
    private async Task WatchAsync(ISandboxLinks links)
    {
        var pause = ShortestPause;
        while (true)
        {
            try
            {
                await foreach (var change in links.ChangesAsync(CancellationToken.None))
                {
                    await networking.FollowAsync(change, CancellationToken.None);
                    await names.EnsureAsync(CancellationToken.None);
                    pause = ShortestPause;
                }
                return;
            }
            catch (KataException e)
            {
                WatchLog.NetworkNotSeen(log, pause.TotalSeconds, e.Message);
            }

            await Task.Delay(pause, time);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
