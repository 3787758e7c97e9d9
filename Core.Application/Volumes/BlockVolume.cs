using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>What the guest is told about filesystems on disks of its machine.</summary>
internal static class BlockVolume
{
    /// <summary>How the guest finds a virtio disk: by its place on the PCI bus.</summary>
    public const string Driver = "blk";

    private static readonly GuestPath Volumes = GuestPath.Parse(
        "/run/kata-containers/sandbox/storage", "block volumes");

    /// <summary>Words of a mount that say how the host would have done it, and mean nothing to a filesystem.</summary>
    private static readonly string[] HostWords = ["loop", "bind", "rbind", "rw", "private", "rprivate", "slave",
        "rslave", "shared", "rshared", MountOptions.FileIsDisk];

    /// <summary>A volume. Containers that use the same disk share the mount.</summary>
    public static GuestMount Volume(
        AttachedDevice disk, string fsType, IReadOnlyList<string> options, bool readOnly,
        DirectVolume? direct = null) => new()
        {
            Driver = Driver,
            Source = disk.GuestAddress,
            FsType = fsType,
            MountPoint = Volumes.Append(Base64Url(disk.GuestAddress)),
            Options = Options(fsType, options, readOnly),
            // Neither can be done to a disk that cannot be written.
            DriverOptions = !readOnly && direct is { CreateFilesystem: true } ? ["create_filesystem"] : [],
            // Made once: to make it again for a container that comes later would empty it.
            Shared = direct is { CreateFilesystem: true },
            Group = readOnly ? null : direct?.Group,
        };

    /// <summary>A container's root.</summary>
    public static GuestMount Root(AttachedDevice disk, MountSpec mount, GuestPath mountPoint, bool readOnly) => new()
    {
        Driver = Driver,
        Source = disk.GuestAddress,
        FsType = mount.Type,
        MountPoint = mountPoint,
        Options = Options(mount.Type, mount.Options, readOnly),
    };

    /// <summary>The disk itself, as a node of the container.</summary>
    public static GuestDevice Node(AttachedDevice disk, string containerPath) =>
        new(Driver, disk.GuestAddress, containerPath);

    /// <summary>
    /// True if a root is declared as one filesystem on a block device or in a file. Only what the mount says counts:
    /// where a directory happens to lie is never looked into.
    /// </summary>
    public static bool MayBeRoot(IReadOnlyList<MountSpec> rootfs) =>
        rootfs is [{ Type: not ("bind" or "overlay" or ""), Target: "" or "/" } only]
        && only.Source.StartsWith('/')
        && !only.Options.Contains("bind") && !only.Options.Contains("rbind");

    /// <summary>The entry that a specification has for a node.</summary>
    public static OciDevice Entry(string path, DeviceNumber number, OciDevice? like = null) =>
        (like ?? new OciDevice()) with { Path = path, Type = "b", Major = number.Major, Minor = number.Minor };

    // Two mounts of one xfs carry the same id, which it refuses to see twice.
    private static IReadOnlyList<string> Options(string fsType, IReadOnlyList<string> options, bool readOnly) =>
    [
        .. options.Where(o => !HostWords.Contains(o) && o != "ro" && !o.StartsWith("X-", StringComparison.Ordinal)),
        .. readOnly ? ["ro"] : Array.Empty<string>(),
        .. fsType == "xfs" && !options.Contains("nouuid") ? ["nouuid"] : Array.Empty<string>(),
    ];

    private static string Base64Url(string text) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(text)).Replace('+', '-').Replace('/', '_');
}
