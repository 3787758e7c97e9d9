using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Containers;

/// <summary>
/// What a specification wants of the host that no machine can have: it is refused before one is started, as no boot
/// changes it. What a volume needs of a running machine is <see cref="VolumePlacer"/>'s.
/// </summary>
internal sealed class HostParts(IHostFiles files, IDirectVolumes directVolumes)
{
    // A machine has its own; "network" is the network's matter, "mount" and "cgroup" are always the container's own.
    private static readonly string[] OfTheMachine = ["pid", "ipc", "uts"];

    /// <summary>Refuses, by the name of what is wanted and why it cannot be.</summary>
    public async Task CheckAsync(ContainerKind kind, OciSpec spec, CancellationToken ct)
    {
        if (kind == ContainerKind.Single)
            CheckNamespaces(spec.Linux?.Namespaces ?? []);
        foreach (var mount in spec.Mounts)
            await CheckMountAsync(mount, ct);
        foreach (var node in spec.Linux?.Devices ?? [])
            await CheckNodeAsync(node, spec.Linux?.Resources, ct);
    }

    /// <summary>The namespaces that are to be the host's and will be the machine's.</summary>
    public static IReadOnlyList<string> OfHost(OciSpec spec) =>
        spec.Linux is { } linux ? [.. OfTheMachine.Where(type => linux.Namespaces.All(n => n.Type != type))] : [];

    // A pod's containers are told to join those of its first one, which are in the same machine.
    private static void CheckNamespaces(IReadOnlyList<OciNamespace> namespaces)
    {
        if (namespaces.FirstOrDefault(n => OfTheMachine.Contains(n.Type) && !string.IsNullOrEmpty(n.Path)) is { } other)
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"sharing the {other.Type} namespace of another container ({other.Path}) is not supported across VMs; "
                + "give this container its own, or put both into one pod");
        }
    }

    private async Task CheckMountAsync(OciMount mount, CancellationToken ct)
    {
        if (!MountOptions.IsBind(mount) || MountOptions.IsUnder(mount.Source, "/proc")
            || MountOptions.IsUnder(mount.Source, "/sys"))
            return;
        var source = HostPath.Parse(mount.Source, $"source of the mount at {mount.Destination}");
        // What is missing here may be made by a hook.
        if (await directVolumes.FindAsync(source, ct) is not null || await files.LookAsync(source, ct) is not { } found)
            return;
        MountOptions.CheckReach(mount, source, found);
    }

    private async Task CheckNodeAsync(OciDevice node, OciResources? limits, CancellationToken ct)
    {
        var number = new DeviceNumber(node.Major, node.Minor);
        if (node.Type is not ("c" or "u") || GuestDevices.OwnNode(number) is not null)
            return;
        // A privileged container's nodes are a list of the whole host's: left out, and told.
        if (GuestDevices.RulesOf(limits, node.Type, number).Count == 0 && GuestDevices.AllowsAll(limits)
            && HostPath.TryParse(node.Path) is { } host && await files.LookAsync(host, ct) is { } found
            && found.Number == number)
            return;
        throw GuestDevices.HostsOwn(node, number);
    }
}
