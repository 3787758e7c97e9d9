using System.Globalization;
using Google.Protobuf.Collections;
using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Devices;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Storage;

/// <summary>Carries out one storage of the wire, by its driver.</summary>
internal sealed class StorageMounter(ModuleLoader modules, DeviceFinder devices, WatchedTrees watched)
{
    /// <summary>What <c>GetGuestDetails</c> names.</summary>
    public static readonly string[] Drivers =
        ["virtio-fs", "overlayfs", "ephemeral", "local", "bind", "watchable-bind", "part", "blk", "scsi", "mmioblk",
            "nvdimm"];

    private const string CreateDirectoryOption = "io.katacontainers.volume.overlayfs.create_directory=";
    private const string OverlayReadWrite = "io.katacontainers.fs-opt.overlay-rw";
    private const string FileSystemOptionPrefix = "io.katacontainers.fs-opt.";
    private const string CreateFileSystemOption = "create_filesystem";
    private const string EncryptionOption = "encryption_key=";
    private const string GroupOption = "fsgid";
    private const uint SetGroupId = 0x400;

    private readonly HugePages _hugePages = new();

    /// <returns>Whether the mount is to be taken away with its last user.</returns>
    public async Task<bool> MountAsync(
        Oci.Storage storage, string mountPoint, string containerId, CancellationToken cancellation)
    {
        try
        {
            switch (storage.Driver)
            {
                case "virtio-fs":
                    modules.Require("virtiofs");
                    Mount(storage.Source, mountPoint, "virtiofs", storage.Options);
                    PassMountsOn(mountPoint);
                    break;
                case "overlayfs":
                    modules.Require("overlay");
                    await MountOverlayAsync(storage, mountPoint, containerId);
                    break;
                case "bind":
                    Mount(storage.Source, mountPoint, "bind", WithBind(storage.Options));
                    break;
                case "part":
                    VolumePart.Show(storage.Source, storage.DriverOptions, mountPoint);
                    break;
                case "watchable-bind":
                    if (!watched.TryAdd(storage.Source, mountPoint))
                    {
                        // Too much to keep a copy of: the share shows changes by itself, only without telling of them.
                        Mount(storage.Source, mountPoint, "bind", WithBind(storage.Options));
                    }

                    return true;
                case "blk" or "scsi" or "mmioblk" or "nvdimm":
                    await MountBlockAsync(storage, mountPoint, cancellation);
                    break;
                case "ephemeral":
                    MountEphemeral(storage, mountPoint);
                    return false;
                case "local":
                    MakeLocal(storage, mountPoint);
                    return false;
                default:
                    throw AgentRefusals.Internal(
                        $"Failed to find the storage handler {storage.Driver}: "
                        + $"this agent has {string.Join(", ", Drivers)}");
            }

            if (storage.FsGroup is { } group)
            {
                GroupOwnership.Give(
                    mountPoint, group.GroupId, group.GroupChangePolicy, readOnly: storage.Options.Contains("ro"));
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw AgentRefusals.Internal($"storage {storage.Driver} '{storage.Source}' on {mountPoint}: {e.Message}");
        }
    }

    /// <summary>Changes memory-backed storages that are mounted; those without options stay as they are.</summary>
    public static void UpdateEphemeral(IEnumerable<Oci.Storage> storages)
    {
        foreach (var storage in storages)
        {
            if (storage.Driver != "ephemeral")
            {
                throw AgentRefusals.Internal($"only ephemeral storages can be changed, not {storage.Driver}");
            }

            if (storage.Options.Count > 0)
            {
                Directory.CreateDirectory(storage.MountPoint);
                Mounts.Mount(
                    storage.Source, storage.MountPoint, storage.Fstype,
                    StorageOptions.Without(storage.Options, GroupOption));
            }
        }
    }

    public void Unmount(string mountPoint)
    {
        watched.Remove(mountPoint);
        Mounts.TryUnmount(mountPoint);
        if (Directory.Exists(mountPoint))
        {
            Directory.Delete(mountPoint);
        }
        else if (File.Exists(mountPoint))
        {
            File.Delete(mountPoint);
        }
    }

    private static IReadOnlyList<string> WithBind(RepeatedField<string> options) =>
        options.Contains("bind") || options.Contains("rbind") ? [.. options] : ["bind", .. options];

    private static void Mount(string source, string mountPoint, string type, IEnumerable<string> options)
    {
        // What an image or an earlier request mounted there already is used as it is.
        var mounted = MountInfo.Read().LastOrDefault(mount => mount.MountPoint == mountPoint);
        if (mounted is not null && mounted.FileSystemType == type)
        {
            return;
        }

        MakeMountPoint(mountPoint, ofFile: type == "bind" && !Directory.Exists(source));
        Mounts.Mount(source, mountPoint, type == "bind" ? null : type, options);
    }

    /// <summary>
    /// What one container mounts in a volume appears in others, where the propagation of both allows it.
    /// </summary>
    private static void PassMountsOn(string mountPoint) => Mounts.SetPropagation(mountPoint, MountFlags.MS_SHARED);

    private static void MakeMountPoint(string path, bool ofFile)
    {
        if (!ofFile)
        {
            Directory.CreateDirectory(path);
        }
        else if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, []);
        }
    }

    private async Task MountBlockAsync(Oci.Storage storage, string mountPoint, CancellationToken cancellation)
    {
        var node = await devices.FindBlockAsync(storage.Driver, storage.Source, cancellation);
        if (storage.DriverOptions.FirstOrDefault(
            option => option.StartsWith(EncryptionOption, StringComparison.Ordinal)) is not null)
        {
            throw AgentRefusals.Unimplemented("this guest encrypts no disks");
        }

        if (storage.DriverOptions.Contains(CreateFileSystemOption))
        {
            await FileSystemMaker.MakeAsync(node, storage.Fstype, cancellation);
        }

        if (storage.Fstype is "xfs" or "erofs")
        {
            modules.Require(storage.Fstype);
        }

        // A raw disk is shown as it is, and a file system is mounted from it.
        var type = storage.Fstype.Length > 0 ? storage.Fstype : "bind";
        Mount(node.Path, mountPoint, type, type == "bind" ? WithBind(storage.Options) : storage.Options);
    }

    private static async Task MountOverlayAsync(Oci.Storage storage, string mountPoint, string containerId)
    {
        foreach (var option in storage.DriverOptions)
        {
            if (option.StartsWith(CreateDirectoryOption, StringComparison.Ordinal))
            {
                Directory.CreateDirectory(option[CreateDirectoryOption.Length..]);
            }
        }

        var words = storage.Options.Where(word => !word.StartsWith(FileSystemOptionPrefix, StringComparison.Ordinal))
            .ToList();
        string? upper = StorageOptions.Value(words, "upperdir"), work = StorageOptions.Value(words, "workdir");
        if (storage.Options.Contains(OverlayReadWrite))
        {
            upper = $"/run/kata-containers/{containerId}/upper";
            work = $"/run/kata-containers/{containerId}/work";
            Directory.CreateDirectory(upper);
            Directory.CreateDirectory(work);
        }

        if (StorageOptions.Value(words, "lowerdir") is not { } lower)
        {
            throw new FormatException("an overlay needs lowerdir=");
        }

        Directory.CreateDirectory(mountPoint);
        var rest = words.Where(word => !word.StartsWith("lowerdir=", StringComparison.Ordinal)
            && !word.StartsWith("upperdir=", StringComparison.Ordinal)
            && !word.StartsWith("workdir=", StringComparison.Ordinal));
        var parsed = MountOptions.Parse(rest);
        await Mounts.MountOverlayAsync(
            lower.Split(':'), upper, work, mountPoint, parsed.Flags,
            parsed.Data.Length > 0 ? parsed.Data.Split(',') : null);
    }

    private void MountEphemeral(Oci.Storage storage, string mountPoint)
    {
        if (storage.Fstype != "hugetlbfs")
        {
            MountInMemory(storage, mountPoint);
            return;
        }

        _hugePages.Reserve(storage.Options);
        try
        {
            MountInMemory(storage, mountPoint);
        }
        catch
        {
            // The next try reserves its own.
            _hugePages.Release(storage.Options);
            throw;
        }
    }

    private static void MountInMemory(Oci.Storage storage, string mountPoint)
    {
        var type = storage.Fstype.Length > 0 ? storage.Fstype : "tmpfs";
        Mount(storage.Source, mountPoint, type, StorageOptions.Without(storage.Options, GroupOption));
        PassMountsOn(mountPoint);
        GiveToGroup(mountPoint, storage.Options);
    }

    private static void MakeLocal(Oci.Storage storage, string mountPoint)
    {
        // It may lie in the root of a container, which could have put a link there.
        using var root = BeneathPath.Open("/");
        using var made = root.CreateDirectory(mountPoint.TrimStart('/'));
        if (StorageOptions.Mode(storage.Options) is { } mode)
        {
            FileModes.Set(made.DescriptorPath, mode);
        }

        GiveToGroup(made.DescriptorPath, storage.Options);
    }

    private static void GiveToGroup(string path, IEnumerable<string> options)
    {
        if (StorageOptions.Number(options, GroupOption) is { } group)
        {
            Nodes.ChangeOwnerOfTarget(path, uint.MaxValue, (uint)group);
            FileModes.Set(path, FileModes.Get(path) | SetGroupId);
        }
    }
}
