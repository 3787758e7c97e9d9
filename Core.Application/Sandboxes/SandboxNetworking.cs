using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Brings the links of the sandbox's network namespace into the guest: those that are there before the launch as NICs
/// of the machine, later ones by hot-plug. One change at a time.
/// </summary>
internal sealed class SandboxNetworking(LiveSandbox sandbox, ILogger<SandboxNetworking> log) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Hot-plugs what has come since the last look. Cheap if nothing has.</summary>
    public async Task ConnectNewAsync(CancellationToken ct)
    {
        if (sandbox.State != SandboxState.Ready || sandbox.Handles is not SandboxHandles.Ready ready)
            return;
        await _turn.WaitAsync(ct);
        try
        {
            await ConnectNewAsync(ready, ct);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Follows a change of the namespace. What cannot be followed is warned of: the pod goes on with what it has.
    /// </summary>
    public async Task FollowAsync(LinkChange change, CancellationToken ct)
    {
        if (sandbox.Handles is not SandboxHandles.Ready ready)
            return;
        await _turn.WaitAsync(ct);
        try
        {
            foreach (var gone in change.Gone)
                await UnplugAsync(gone, ready, ct);
            if (change.HasNew)
                await ConnectNewAsync(ready, ct);
            await RenewAsync(change.Guest, ready, ct);
        }
        catch (KataException e)
        {
            NetworkLog.NotFollowed(log, e.Message);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task ConnectNewAsync(SandboxHandles.Ready ready, CancellationToken ct)
    {
        var plan = await ready.Links.AttachAsync(ct);
        var left = new Queue<NetworkDevice>(plan.Devices);
        try
        {
            for (; left.TryPeek(out var nic); left.Dequeue())
                await PlugAsync(nic, plan.Guest, ready, ct);
        }
        catch
        {
            // No tap may stay connected without a NIC that the guest has: the next look would take its link for done.
            foreach (var nic in left)
                await UndoPlugAsync(nic, ready);
            throw;
        }
    }

    private async Task PlugAsync(
        NetworkDevice nic, GuestNetworkSpec network, SandboxHandles.Ready ready, CancellationToken ct)
    {
        var hotplug = ready.Vm.Hotplug
            ?? throw new KataException(
                ErrorKind.Unimplemented,
                $"cannot hot-plug NIC {nic.Id}: this VM has no hot-plug of NICs");
        var attached = await hotplug.AttachAsync(nic, ct);
        ready.Machine.Nics.RecordPlugged(nic.Mac, attached);
        var part = network.Of(nic.Mac);
        await sandbox.RequireReady().Agent.ApplyNetworkAsync(
            part with { Interfaces = [part.Interfaces[0] with { PciPath = attached.GuestAddress }] }, ct);
        ready.Machine.Nics.RecordAdded(part);
        NetworkLog.Plugged(log, nic.Id, attached.GuestAddress);
    }

    // The first failure is the one to tell; what cannot be undone either is in the ledger.
    private async Task UndoPlugAsync(NetworkDevice nic, SandboxHandles.Ready ready)
    {
        try
        {
            await UnplugAsync(nic, ready, CancellationToken.None);
        }
        catch (KataException e)
        {
            NetworkLog.NotFollowed(log, e.Message);
        }
    }

    // The NIC first: while the guest has it, the tap is in use.
    private async Task UnplugAsync(NetworkDevice nic, SandboxHandles.Ready ready, CancellationToken ct)
    {
        if (ready.Machine.Nics.Plugged(nic.Mac) is { } attached && ready.Vm.Hotplug is { } hotplug)
            await hotplug.DetachAsync(attached, ct);
        // Only now: what the guest did not release is tried again with the next change.
        ready.Machine.Nics.RecordUnplugged(nic.Mac);
        await ready.Links.DetachAsync(nic.Mac, ct);
        ready.Machine.Nics.RecordRemoved(nic.Mac);
        NetworkLog.Unplugged(log, nic.Id);
    }

    private async Task RenewAsync(GuestNetworkSpec now, SandboxHandles.Ready ready, CancellationToken ct)
    {
        var changed = now.ChangedSince(ready.Machine.Nics.Applied);
        if (changed.IsEmpty)
            return;
        await sandbox.RequireReady().Agent.ApplyNetworkAsync(changed, ct);
        ready.Machine.Nics.RecordApplied(now);
    }
}

/// <summary>Event ids 1190 to 1199.</summary>
internal static partial class NetworkLog
{
    [LoggerMessage(1190, LogLevel.Information, "hot-plugged NIC {Nic} at {Address}")]
    public static partial void Plugged(ILogger log, string nic, string address);

    [LoggerMessage(1191, LogLevel.Information, "unplugged NIC {Nic}")]
    public static partial void Unplugged(ILogger log, string nic);

    [LoggerMessage(1192, LogLevel.Warning, "cannot apply a change of the pod's network in the guest: {Reason}")]
    public static partial void NotFollowed(ILogger log, string reason);
}
