using System.Collections.Concurrent;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Gives back what one container holds, in the guest and on the host, while its sandbox lives on. What the guest does
/// not release fails the first time; from then on it is left to the end of the machine, or no deletion would ever
/// succeed.
/// </summary>
internal sealed class ContainerRelease(
    LiveSandbox sandbox, BlockAttachments blocks, IResourceReleaser releaser, ILogger<ContainerRelease> log)
{
    private readonly ConcurrentDictionary<ContainerId, bool> _refused = [];

    /// <summary>Removes it in the guest. A guest that is gone has removed it already.</summary>
    public async Task RemoveFromGuestAsync(ContainerId id, CancellationToken ct)
    {
        if (sandbox.State != SandboxState.Ready || sandbox.Handles is not SandboxHandles.Ready ready)
            return;
        try
        {
            await ready.Agent.RemoveAsync(id, ct);
        }
        catch (KataException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.NotFound)
        {
            // What lived there has died with it.
        }
        catch (KataException e) when (IsRepeated(id, e))
        {
            // The host's part is given back all the same.
        }
    }

    /// <summary>
    /// Takes its disks from the machine, leaves the share and releases its part of the ledger, last acquired first;
    /// stops at the first failure, which stays recorded.
    /// </summary>
    public async Task ReleaseHostPartAsync(ContainerId id, CancellationToken ct)
    {
        if (sandbox.Handles is not SandboxHandles.Ready ready)
            return;
        try
        {
            await blocks.ReleaseAsync(ready, id, ct);
        }
        catch (KataException e) when (IsRepeated(id, e))
        {
            await blocks.LeaveAsync(ready, id, ct);
        }

        if (ready.Share is { } share)
            await share.LeaveAsync(id, ct);
        foreach (var resource in ready.Ledger.Read().ReleaseOrder(id))
        {
            await releaser.ReleaseAsync(resource, ct);
            ready.Ledger.Forget(resource);
        }

        _refused.TryRemove(id, out _);
    }

    private bool IsRepeated(ContainerId id, KataException failure)
    {
        if (_refused.TryAdd(id, true))
            return false;
        BootLog.LeftToTheMachine(log, id, failure.Message);
        return true;
    }
}
