using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Brings the links of the sandbox's network namespace into the guest: those that are there before the launch as NICs
/// of the machine, later ones by hot-plug. One change at a time.
/// </summary>
internal sealed class SandboxNetworking(LiveSandbox sandbox, ILogger<SandboxNetworking> log) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<MacAddress, AttachedDevice> _plugged = [];
    private GuestNetworkSpec _applied = GuestNetworkSpec.Empty;

    /// <summary>The namespace that a specification names; null if a private one is wanted.</summary>
    /// <exception cref="KataException">
    /// InvalidArgument if the host's own network is asked for, or that of somebody's processes: a machine can share
    /// neither.
    /// </exception>
    public static NetworkNamespacePath? NamespaceOf(OciSpec spec)
    {
        if (spec.Linux is not { } linux)
            return null;
        if (linux.Namespaces.FirstOrDefault(n => n.Type == "network") is not { } network)
            throw SharesTheHosts();
        if (string.IsNullOrEmpty(network.Path))
            return null;
        var path = HostPath.Parse(network.Path, "path of the network namespace");
        // A namespace that is made for a pod has a name of its own; one that goes by a process is that process's, whose
        // links we would take.
        if (path.Value.StartsWith("/proc/", StringComparison.Ordinal))
            throw IsAnothers(path);
        return new NetworkNamespacePath(path);
    }

    /// <summary>Applies what the machine was launched with; the guest's sandbox is not open yet.</summary>
    public async Task ApplyFirstAsync(NetworkPlan plan, IGuestAgent agent, CancellationToken ct)
    {
        await agent.ApplyNetworkAsync(plan.Guest, ct);
        _applied = plan.Guest;
    }

    /// <summary>Plugs in what has come since the last look. Cheap if nothing has.</summary>
    public async Task ConnectNewAsync(CancellationToken ct)
    {
        if (sandbox.Links is not { } links)
            return;
        await _turn.WaitAsync(ct);
        try
        {
            await ConnectNewAsync(links, ct);
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
        if (sandbox.Links is not { } links)
            return;
        await _turn.WaitAsync(ct);
        try
        {
            foreach (var gone in change.Gone)
                await UnplugAsync(gone, links, ct);
            if (change.HasNew)
                await ConnectNewAsync(links, ct);
            await RenewAsync(change.Guest, ct);
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

    private async Task ConnectNewAsync(ISandboxLinks links, CancellationToken ct)
    {
        var plan = await links.AttachAsync(ct);
        var left = new Queue<NetworkDevice>(plan.Devices);
        try
        {
            for (; left.TryPeek(out var nic); left.Dequeue())
                await PlugAsync(nic, plan.Guest, ct);
        }
        catch
        {
            // No tap may stay connected without a NIC that the guest has: the next look would take its link for done.
            foreach (var nic in left)
                await TakeBackAsync(nic, links);
            throw;
        }
    }

    private async Task PlugAsync(NetworkDevice nic, GuestNetworkSpec network, CancellationToken ct)
    {
        var hotplug = sandbox.Machine?.Hotplug
            ?? throw new KataException(
                ErrorKind.Unimplemented,
                $"cannot hot-plug NIC {nic.Id}: this VM has no hot-plug of NICs");
        var attached = await hotplug.AttachAsync(nic, ct);
        _plugged[nic.Mac] = attached;
        var part = Part(network, nic.Mac);
        await sandbox.RequireAgent().ApplyNetworkAsync(
            part with { Interfaces = [part.Interfaces[0] with { PciPath = attached.GuestAddress }] }, ct);
        _applied = Merge(_applied, part);
        NetworkLog.Plugged(log, nic.Id, attached.GuestAddress);
    }

    // The first failure is the one to tell; what cannot be taken back either is in the ledger.
    private async Task TakeBackAsync(NetworkDevice nic, ISandboxLinks links)
    {
        try
        {
            await UnplugAsync(nic, links, CancellationToken.None);
        }
        catch (KataException e)
        {
            NetworkLog.NotFollowed(log, e.Message);
        }
    }

    // The NIC first: while the guest has it, the tap is in use.
    private async Task UnplugAsync(NetworkDevice nic, ISandboxLinks links, CancellationToken ct)
    {
        if (_plugged.TryGetValue(nic.Mac, out var attached) && sandbox.Machine?.Hotplug is { } hotplug)
            await hotplug.DetachAsync(attached, ct);
        // Only now: what the guest did not let go of is tried again with the next change.
        _plugged.Remove(nic.Mac);
        await links.DetachAsync(nic.Mac, ct);
        _applied = Without(_applied, nic.Mac);
        NetworkLog.Unplugged(log, nic.Id);
    }

    private async Task RenewAsync(GuestNetworkSpec now, CancellationToken ct)
    {
        var changed = new GuestNetworkSpec
        {
            Interfaces = [.. now.Interfaces.Where(i => _applied.Interfaces.All(a => !Same(a, i)))],
            Routes = [.. now.Routes.Except(_applied.Routes)],
            Neighbours = [.. now.Neighbours.Except(_applied.Neighbours)],
        };
        if (changed.Interfaces.Count + changed.Routes.Count + changed.Neighbours.Count == 0)
            return;
        await sandbox.RequireAgent().ApplyNetworkAsync(changed, ct);
        _applied = now;
    }

    private static GuestNetworkSpec Part(GuestNetworkSpec whole, MacAddress nic)
    {
        var link = whole.Interfaces.First(i => i.Mac == nic);
        return new GuestNetworkSpec
        {
            Interfaces = [link],
            Routes = [.. whole.Routes.Where(r => r.Device == link.Name)],
            Neighbours = [.. whole.Neighbours.Where(n => n.Device == link.Name)],
        };
    }

    private static GuestNetworkSpec Merge(GuestNetworkSpec one, GuestNetworkSpec other) => new()
    {
        Interfaces = [.. one.Interfaces, .. other.Interfaces],
        Routes = [.. one.Routes, .. other.Routes],
        Neighbours = [.. one.Neighbours, .. other.Neighbours],
    };

    private static GuestNetworkSpec Without(GuestNetworkSpec whole, MacAddress nic)
    {
        var names = whole.Interfaces.Where(i => i.Mac == nic).Select(i => i.Name).ToHashSet();
        return new GuestNetworkSpec
        {
            Interfaces = [.. whole.Interfaces.Where(i => i.Mac != nic)],
            Routes = [.. whole.Routes.Where(r => !names.Contains(r.Device))],
            Neighbours = [.. whole.Neighbours.Where(n => !names.Contains(n.Device))],
        };
    }

    private static bool Same(GuestInterface one, GuestInterface other) =>
        one.Mac == other.Mac && one.Name == other.Name && one.Mtu == other.Mtu && one.NoArp == other.NoArp
            && one.Addresses.SequenceEqual(other.Addresses);

    private static KataException SharesTheHosts() => new(ErrorKind.InvalidArgument,
        "host networking is not supported (the specification has no network namespace): "
        + "a VM cannot share the host's network; "
        + "run the pod without hostNetwork, or this container with another runtime");

    private static KataException IsAnothers(HostPath path) => new(ErrorKind.InvalidArgument,
        $"sharing the network namespace {path} of another container or process (--network container:...) "
        + "is not supported: the VM would take over its interfaces; "
        + "give this container a network of its own, or run both in one pod");
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
