using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;

namespace Kata.Core.Application.Watching;

/// <summary>Follows the sandbox's network namespace while the machine runs.</summary>
internal sealed class NetworkWatcher(SandboxNetworking networking)
{
    /// <summary>Begins to watch; ends with the links.</summary>
    public void Start(ISandboxLinks links) => _ = WatchAsync(links);

    private async Task WatchAsync(ISandboxLinks links)
    {
        try
        {
            await foreach (var change in links.ChangesAsync(CancellationToken.None))
                await networking.FollowAsync(change, CancellationToken.None);
        }
        catch (KataException)
        {
            // The namespace is gone, and with it whatever could change.
        }
    }
}
