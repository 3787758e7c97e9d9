using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>One container's volumes while they are placed.</summary>
internal sealed class VolumeMapper(
    ContainerId id, OciSpec spec, SandboxHandles.Ready sandbox, IHostFiles files, IDirectVolumes directVolumes,
    BlockAttachments blocks)
{
    private const int MaxNamePart = 40;

    /// <summary>As many files as the agent watches; larger volumes are shared as they are.</summary>
    private const int MaxWatchedFiles = 8;

    private static readonly GuestPath Watched = GuestPaths.Share.Append("watchable");

    private readonly List<OciMount> _mounts = [];
    private readonly List<GuestMount> _storages = [];
    private readonly List<GuestDevice> _devices = [];
    private readonly List<OciDevice> _nodes = [];
    private readonly List<string> _leftOut = [];
    private GuestPath? _root;

    /// <summary>What has been placed.</summary>
    public MappedVolumes Result =>
        new()
        {
            Root = _root,
            Mounts = _mounts,
            Storages = _storages,
            Devices = _devices,
            Nodes = _nodes,
            LeftOut = _leftOut
        };

    private OciResources? Limits => spec.Linux?.Resources;

    /// <summary>A root that is a filesystem on a disk.</summary>
    public async Task AddRootAsync(RootPlacement.Disk root, CancellationToken ct)
    {
        var (mount, found) = root;
        var readOnly = found.ReadOnlyDevice || MountOptions.Access(mount.Options) == ShareAccess.ReadOnly;
        var disk = await blocks.AttachAsync(sandbox, id, found, readOnly, ct);
        _root = GuestPaths.Rootfs(id);
        _storages.Add(BlockVolume.Root(disk, mount, _root, readOnly));
    }

    /// <summary>A mount of the specification.</summary>
    public async Task AddMountAsync(OciMount mount, int index, CancellationToken ct)
    {
        if (!MountOptions.IsBind(mount) && !mount.Options.Contains(MountOptions.FileIsDisk))
        {
            // proc, sysfs, tmpfs, mqueue: the guest mounts its own; shared memory is the sandbox's.
            _mounts.Add(SharedMemory.IsSharedMemory(mount) ? OfSandboxShm(mount) : mount);
            return;
        }

        if (MountOptions.IsUnder(mount.Source, "/proc") || MountOptions.IsUnder(mount.Source, "/sys"))
        {
            _mounts.Add(mount);
            return;
        }

        var source = HostPath.Parse(mount.Source, $"source of the mount at {mount.Destination}");
        if (await directVolumes.FindAsync(source, ct) is { } direct)
        {
            await AddDirectVolumeAsync(mount, source, direct, ct);
            return;
        }

        var found = await files.LookAsync(source, ct);
        if (SharedMemory.IsSharedMemory(mount) && !KubeletVolume.IsEmptyDir(source) && found is null
            or { FsType: "tmpfs" })
            _mounts.Add(OfSandboxShm(mount));
        else
            await AddFoundAsync(
                mount, index, source,
                found ?? throw MountOptions.Refuse(mount, $"has source {source}, which does not exist on the host"),
                ct);
    }

    /// <summary>A device node of the specification.</summary>
    public async Task AddNodeAsync(OciDevice node, CancellationToken ct)
    {
        if (node.Type is not ("b" or "c" or "u"))
        {
            _nodes.Add(node);
            return;
        }

        // A mount may have brought the same node already.
        if (_devices.Any(device => device.ContainerPath == node.Path))
            return;
        var number = new DeviceNumber(node.Major, node.Minor);
        var isBlock = node.Type == "b";
        if (!isBlock && GuestDevices.OwnNode(number) is not null)
        {
            _nodes.Add(node);
            return;
        }

        var rules = GuestDevices.RulesOf(Limits, node.Type, number);
        if (rules.Count == 0 && GuestDevices.AllowsAll(Limits) && await IsHostsOwnAsync(node.Path, number, ct))
        {
            // A privileged container is privileged in its guest; what the host has of hardware stays there.
            _leftOut.Add($"device {node.Path} ({node.Type} {number}) of the host");
            return;
        }

        if (!isBlock)
            throw GuestDevices.HostsOwn(node, number);

        if (sandbox.Settings.Hypervisor.DisableBlockDeviceUse)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"block device {node.Path} ({number}) cannot be passed to the VM: disable_block_device_use is set");
        var path = await files.FindBlockDeviceAsync(number, ct)
            ?? throw new KataException(
                ErrorKind.InvalidArgument, $"device {node.Path}: the host has no block device {number} any more");
        var found = await files.LookAsync(path, ct)
            ?? throw new KataException(
                ErrorKind.InvalidArgument, $"device {node.Path}: {path} has just vanished from the host");
        await AddDiskAsync(node.Path, found, GuestDevices.IsReadOnly(rules), node, ct);
    }

    private static OciMount OfSandboxShm(OciMount mount) =>
        mount with { Type = "bind", Source = GuestPaths.SandboxShm.Value, Options = ["rbind"] };

    private async Task AddFoundAsync(OciMount mount, int index, HostPath source, HostFile found, CancellationToken ct)
    {
        // Looked at before the boot too; since then it may have become something else.
        MountOptions.CheckReach(mount, source, found);
        switch (found.Kind)
        {
            case HostFileKind.CharacterDevice:
                _mounts.Add(mount with { Type = "bind", Source = GuestDevices.OwnNode(found.Number) });
                return;
            case HostFileKind.BlockDevice:
                await AddDiskAsync(
                    mount.Destination, found, MountOptions.Access(mount.Options) == ShareAccess.ReadOnly, null, ct);
                return;
            case HostFileKind.File when mount.Options.Contains(MountOptions.FileIsDisk):
                await AddImageAsync(mount, found, ct);
                return;
        }

        if (MountOptions.IsUnder(found.RealPath.Value, "/dev") && found.FsType is "devtmpfs" or "devpts"
            || found.RealPath.Value == "/dev")
            _leftOut.Add($"the mount at {mount.Destination}: {source} holds devices of the host");
        else if (MountOptions.IsUnder(found.RealPath.Value, "/proc")
            || MountOptions.IsUnder(found.RealPath.Value, "/sys"))
            throw MountOptions.Refuse(
                mount,
                $"has source {source}, a link to {found.RealPath}: /proc and /sys of the host are not shared");
        else if (await OfGuestAsync(mount, index, source, found, ct) is { Count: > 0 } own)
            AddStorages(mount, own);
        else
            await AddSharedAsync(mount, index, source, found, ct);
    }

    /// <summary>
    /// The storages of an emptyDir that the guest makes itself; the last one is what the container sees.
    /// </summary>
    private async Task<IReadOnlyList<GuestMount>> OfGuestAsync(
        OciMount mount, int index, HostPath source, HostFile found, CancellationToken ct)
    {
        if (found.Kind == HostFileKind.Directory && KubeletVolume.IsEmptyDir(source))
        {
            return found switch
            {
                { FsType: "tmpfs", IsMountPoint: true } => [MemoryVolume.Tmpfs(source, found)],
                { FsType: "hugetlbfs", IsMountPoint: true } => [MemoryVolume.Hugepages(mount, source, found, Limits)],
                _ when !sandbox.Settings.DisableGuestEmptyDir =>
                    [PartOf(GuestPaths.Share.Append($"{sandbox.Id}/rootfs"), $"local/{source.Name}", found, index)],
                _ => [],
            };
        }

        // A part of an emptyDir in memory must be part of the tmpfs that the guest has in its place.
        if (found is { FsType: "tmpfs", IsMountPoint: true }
            && (GuestShowsParts || found.Kind == HostFileKind.Directory) && KubeletVolume.OfSubPath(source) is { } whole
            && await files.LookAsync(whole, ct)
                is { FsType: "tmpfs", IsMountPoint: true, Kind: HostFileKind.Directory } tmpfs)
        {
            var storage = MemoryVolume.Tmpfs(whole, tmpfs);
            return [storage, PartOf(storage.MountPoint, found.MountRoot.Trim('/'), found, index)];
        }

        return [];
    }

    private void AddStorages(OciMount mount, IReadOnlyList<GuestMount> storages)
    {
        foreach (var storage in storages)
            _storages.Add(storage);
        _mounts.Add(mount with { Type = "bind", Source = storages[^1].MountPoint.Value });
    }

    private async Task AddSharedAsync(OciMount mount, int index, HostPath source, HostFile found, CancellationToken ct)
    {
        if (sandbox.Share is not { } share)
            throw MountOptions.Refuse(mount, "needs a shared filesystem, but shared_fs is \"none\"");
        var name = $"{id}-{index}-{LastSegment(mount.Destination)}";
        var access = MountOptions.Access(mount.Options);
        if (found.Kind == HostFileKind.Directory && MountOptions.IsReadOnlyTop(mount.Options)
            && await files.HasMountsAsync(found.RealPath, ct))
        {
            // The guest sees one filesystem where the host has several, and would hold all of them read-only. The host
            // does it.
            access = ShareAccess.ReadOnlyTop;
            mount = mount with { Options = [.. mount.Options.Where(option => option != "ro")] };
        }

        SharedPath shared;
        try
        {
            // Where the look led: a link that is put there since then is not followed.
            shared = await share.ShareAsync(
                id, found.RealPath, name, access, MountOptions.Propagation(mount.Options), GuestShowsParts, ct);
        }
        catch (KataException e)
        {
            throw new KataException(e.Kind, $"the mount at {mount.Destination}: {e.Message}", e);
        }

        var guest = shared.Root;
        if (shared.Below.Length > 0)
        {
            var part = GuestPart.Found(guest, shared.Below, PartPlace(index));
            _storages.Add(part);
            guest = part.MountPoint;
        }

        if (found.Kind == HostFileKind.Directory && KubeletVolume.IsRenewed(source)
            && await files.CountAsync(source, MaxWatchedFiles, ct) <= MaxWatchedFiles)
        {
            // A copy for each container: whoever asks first would give the others its options.
            var watched = Watched.Append(name);
            _storages.Add(
                new GuestMount
                {
                    Driver = "watchable-bind",
                    Source = guest.Value,
                    FsType = "bind",
                    MountPoint = watched,
                    Options = mount.Options
                });
            guest = watched;
        }

        _mounts.Add(mount with { Type = "bind", Source = guest.Value });
    }

    private async Task AddDiskAsync(
        string containerPath, HostFile found, bool readOnly, OciDevice? node, CancellationToken ct)
    {
        var disk = await blocks.AttachAsync(sandbox, id, found, readOnly || found.ReadOnlyDevice, ct);
        _devices.Add(BlockVolume.Node(disk, containerPath));
        _nodes.Add(BlockVolume.Entry(containerPath, found.Number, node));
    }

    private async Task AddImageAsync(OciMount mount, HostFile found, CancellationToken ct)
    {
        if (mount.Type is null or "" or "bind")
            throw MountOptions.Refuse(
                mount, "is a file-backed disk and needs a filesystem type");
        var readOnly = MountOptions.Access(mount.Options) == ShareAccess.ReadOnly;
        var disk = await blocks.AttachAsync(sandbox, id, found, readOnly, ct);
        var storage = BlockVolume.Volume(disk, mount.Type, mount.Options, readOnly);
        _storages.Add(storage);
        _mounts.Add(
            mount with
            {
                Type = "bind",
                Source = storage.MountPoint.Value,
                Options = readOnly ? ["bind", "ro"] : ["bind"]
            });
    }

    private async Task AddDirectVolumeAsync(OciMount mount, HostPath source, DirectVolume volume, CancellationToken ct)
    {
        var found = await files.LookAsync(volume.Device, ct);
        if (found is not { Kind: HostFileKind.BlockDevice or HostFileKind.File })
            throw MountOptions.Refuse(
                mount,
                $"is a direct volume on {volume.Device}, "
                + $"which is {(found is null ? "missing" : "neither a block device nor a file")}");
        // By the volume's own word: a container that only reads shares the disk with one that writes, and is held back
        // by its mount.
        var readOnly = found.ReadOnlyDevice || MountOptions.Access(volume.Options) == ShareAccess.ReadOnly;
        var disk = await blocks.AttachAsync(sandbox, id, found, readOnly, ct);

        // Its note goes with the sandbox, which other containers may use the volume in.
        sandbox.Ledger.Record(
            new AcquiredResource(ResourceKind.SocketFile, volume.Directory.Append(sandbox.Id.Value).Value));
        await directVolumes.MarkAsync(volume, sandbox.Id, ct);
        var storage = BlockVolume.Volume(disk, volume.FsType, volume.Options, readOnly, volume);
        await blocks.NameAsync(sandbox, disk, source, storage.MountPoint, volume.CreateFilesystem, ct);
        AddStorages(mount, [storage]);
    }

    // Another agent than ours makes a directory by its path.
    private GuestMount PartOf(GuestPath volume, string below, HostFile found, int index) => GuestShowsParts
        ? GuestPart.Made(volume, below, found, PartPlace(index))
        : MemoryVolume.Local(volume.Append(below), found);

    private bool GuestShowsParts => sandbox.Guest.ShowsParts;

    private GuestPath PartPlace(int index) => GuestPart.Places.Append($"{id}-{index}");

    private async Task<bool> IsHostsOwnAsync(string path, DeviceNumber number, CancellationToken ct) =>
        HostPath.TryParse(path) is { } host && await files.LookAsync(host, ct) is { } found && found.Number == number;

    // Cut, so that id, number and this stay within one file name, whatever characters they are of.
    private static string LastSegment(string path)
    {
        var trimmed = path.TrimEnd('/');
        var segment = trimmed.Length > 0 ? trimmed[(trimmed.LastIndexOf('/') + 1)..] : "root";
        return segment.Length > MaxNamePart ? segment[..MaxNamePart] : segment;
    }
}
