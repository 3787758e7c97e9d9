using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Containers.Volumes;

/// <summary>
/// Brings a container's root, mounts and devices within the guest's reach (agent protocol, 3.4 and 3.5): shared, made
/// anew by the guest, or as a disk of its machine. What cannot be is refused by the name of its destination.
/// </summary>
internal sealed class VolumePlacer(
    LiveSandbox sandbox, IHostFiles files, IDirectVolumes directVolumes, BlockAttachments blocks)
{
    /// <summary>True if the root goes into the machine as a disk, and is not to be mounted on the host.</summary>
    public async Task<bool> IsBlockRootAsync(IReadOnlyList<MountSpec> rootfs, CancellationToken ct) =>
        await FindRootAsync(rootfs, ct) is not null;

    /// <summary>
    /// Places everything; the machine runs. On failure the caller releases what belongs to the container.
    /// </summary>
    public async Task<GuestVolumes> PlaceAsync(
        ContainerId id, OciSpec spec, IReadOnlyList<MountSpec> rootfs, CancellationToken ct)
    {
        var mapper = new VolumeMapper(id, spec, sandbox, files, directVolumes, blocks);
        if (await FindRootAsync(rootfs, ct) is { } root)
            await mapper.AddRootAsync(rootfs[0], root, ct);
        for (var i = 0; i < spec.Mounts.Count; i++)
            await mapper.AddMountAsync(spec.Mounts[i], i, ct);
        foreach (var node in spec.Linux?.Devices ?? [])
            await mapper.AddNodeAsync(node, ct);
        return mapper.Result;
    }

    /// <summary>
    /// A root that is mounted on the host, with what will be mounted in it if the container cannot write there.
    /// </summary>
    public async Task<ContainerRoot> DescribeRootAsync(
        HostPath source, OciSpec spec, IReadOnlyList<MountSpec> rootfs, CancellationToken ct)
    {
        var readOnly = spec.Root?.Readonly ?? false;
        return new ContainerRoot
        {
            Mounts = rootfs,
            Source = source,
            ReadOnly = readOnly,
            MountPoints = readOnly ? await MountPoints.FindAsync(spec, files, ct) : [],
        };
    }

    private async Task<HostFile?> FindRootAsync(IReadOnlyList<MountSpec> rootfs, CancellationToken ct)
    {
        if (sandbox.Settings is { Hypervisor.DisableBlockDeviceUse: true } || !BlockVolume.MayBeRoot(rootfs))
            return null;
        var found = await files.LookAsync(HostPath.Parse(rootfs[0].Source, "source of the root"), ct);
        return found?.Kind == HostFileKind.BlockDevice || (
            found?.Kind == HostFileKind.File && rootfs[0].Options.Contains("loop")) ? found : null;
    }
}
