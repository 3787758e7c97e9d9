using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>
/// Prepares a container's root on the host: decides whether it is mounted into the share or goes into the machine as a
/// disk, and does the host's part of it. What it mounts is in the ledger as the container's.
/// </summary>
internal sealed class RootPreparer(IHostFiles files, IRootfsMounter mounter)
{
    /// <summary>Prepares it, and leaves the decision in the creation.</summary>
    /// <exception cref="KataException">InvalidArgument for a root that needs a share where there is none.</exception>
    public async Task PrepareAsync(
        ContainerCreation creation, RuntimeSettings settings, ISharedDirectory? share, IResourceLedger ledger,
        CancellationToken ct)
    {
        creation.Root = await DecideAsync(creation.Rootfs, settings, ct);
        if (creation.Root is RootPlacement.Disk)
        {
            if (share is not null)
                await mounter.MakeMountPointAsync(creation.Id, share.RootfsTarget(creation.Id), ledger, ct);
            return;
        }

        if (share is null)
            throw new KataException(
                ErrorKind.InvalidArgument, "a container's root needs a shared filesystem, but shared_fs is \"none\"");
        await mounter.MountAsync(
            creation.Id, await DescribeAsync(creation, ct), share.RootfsTarget(creation.Id), ledger, ct);
    }

    /// <summary>Where a root is to be, by what its mounts are.</summary>
    public async Task<RootPlacement> DecideAsync(
        IReadOnlyList<MountSpec> rootfs, RuntimeSettings settings, CancellationToken ct)
    {
        if (settings.Hypervisor.DisableBlockDeviceUse || !BlockVolume.MayBeRoot(rootfs))
            return new RootPlacement.Shared();
        var found = await files.LookAsync(HostPath.Parse(rootfs[0].Source, "source of the root"), ct);
        var isDisk = found?.Kind == HostFileKind.BlockDevice
            || (found?.Kind == HostFileKind.File && rootfs[0].Options.Contains("loop"));
        return isDisk ? new RootPlacement.Disk(rootfs[0], found!) : new RootPlacement.Shared();
    }

    /// <summary>
    /// A root that is mounted on the host, with what will be mounted in it if the container cannot write there.
    /// </summary>
    public async Task<ContainerRoot> DescribeAsync(ContainerCreation creation, CancellationToken ct)
    {
        var spec = creation.Spec;
        var path = spec.Root?.Path is { Length: > 0 } given ? given : "rootfs";
        var readOnly = spec.Root?.Readonly ?? false;
        return new ContainerRoot
        {
            Mounts = creation.Rootfs,
            Source = path[0] == '/' ? HostPath.Parse(path, "root.path") : creation.Bundle.Append(path),
            ReadOnly = readOnly,
            MountPoints = readOnly ? await MountPoints.FindAsync(spec, files, ct) : [],
        };
    }
}
