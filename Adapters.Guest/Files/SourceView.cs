using Kata.Core.Application.Ports;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// What a path of the host shows: a file of a file system, and through what kind of mount. Two paths with equal views
/// can be shown to the guest as one; with views that differ, one of them would get flags or later mounts that are the
/// other's.
/// </summary>
internal sealed record SourceView
{
    private SourceView()
    {
    }

    /// <summary>Device number of the file.</summary>
    public required (uint Major, uint Minor) Device { get; init; }

    /// <summary>Its inode there.</summary>
    public required ulong Inode { get; init; }

    /// <summary>It is a directory.</summary>
    public required bool IsDirectory { get; init; }

    /// <summary>
    /// How it is mounted: flags, and for who takes later mounts those from whom they come. If others are mounted below
    /// it, the mount itself: another of the same folder shows other things there.
    /// </summary>
    public required string Looks { get; init; }

    /// <summary>The host itself has it read-only.</summary>
    public required bool IsReadOnly { get; init; }

    /// <summary>Other file systems are mounted below.</summary>
    public required bool HasMounts { get; init; }

    /// <summary>Only its own mount is made read-only, and not those below.</summary>
    public required bool IsTopOnly { get; init; }

    /// <summary>Whether later mounts appear.</summary>
    public required SharePropagation Propagation { get; init; }

    /// <summary>Where it was when it was looked at, no link on the way.</summary>
    public required string Path { get; init; }

    /// <summary>The number of the mount that it lies on; 0 if that is not known.</summary>
    public required int MountId { get; init; }

    /// <summary>Later mounts are to appear, and those who make them pass them on to others.</summary>
    public required bool IsFollowed { get; init; }

    /// <param name="held">The file, opened to look at it.</param>
    /// <param name="access">How it is to be shared.</param>
    /// <param name="propagation">Whether later mounts are to appear.</param>
    public static SourceView Of(SafeFileHandle held, ShareAccess access, SharePropagation propagation)
    {
        var status = FileStatus.Of(held);
        var mount = MountInfo.Of(held);
        var path = new FileInfo($"/proc/self/fd/{held.DangerousGetHandle()}").LinkTarget ?? "";
        var hasMounts = status.IsDirectory && MountInfo.IsAnyBelow(path);
        // Nothing is ever mounted below a file.
        var later = status.IsDirectory ? propagation : SharePropagation.Private;
        return new SourceView
        {
            Device = (status.DeviceMajor, status.DeviceMinor),
            Inode = status.Inode,
            IsDirectory = status.IsDirectory,
            Looks = mount is null || hasMounts
                ? $"mount {mount?.Id}"
                : $"{mount.Options} {(later == SharePropagation.FromHost ? string.Join(' ', mount.Propagation) : "")}",
            IsReadOnly = mount?.Options.Split(',').Contains("ro") ?? false,
            HasMounts = hasMounts,
            IsTopOnly = access == ShareAccess.ReadOnlyTop,
            Propagation = later,
            Path = path,
            MountId = mount?.Id ?? 0,
            IsFollowed = later == SharePropagation.FromHost && mount is { Propagation.Count: > 0 },
            Place = mount is not null && IsWithin(path, mount.MountPoint)
                ? new FilePlace(
                    (mount.DeviceMajor, mount.DeviceMinor),
                    Join(mount.Root, path[mount.MountPoint.TrimEnd('/').Length..]))
                : null,
        };
    }

    private FilePlace? Place { get; init; }

    /// <summary>Whether both show the same file.</summary>
    public bool IsFile(FileStatus status) =>
        status.Inode == Inode && (status.DeviceMajor, status.DeviceMinor) == Device;

    /// <summary>Whether both can be one in the guest.</summary>
    public bool IsSame(SourceView other) => Device == other.Device && Inode == other.Inode && IsAlike(other);

    /// <summary>
    /// Where in this folder the other one lies, if it can be shown as a part of it: the path from here to there. Null
    /// if it does not, or if what is mounted below either would be seen differently. Whether the path still leads there
    /// is not looked at.
    /// </summary>
    public string? PathTo(SourceView other)
    {
        if (!IsDirectory || HasMounts || other.HasMounts || IsTopOnly || other.IsTopOnly)
            return null;
        // A file takes no part in what is mounted later; its flags count all the same.
        if (other.IsDirectory ? !IsAlike(other) : Flags != other.Flags)
            return null;
        return Place is { } here && other.Place is { } there && here.FileSystem == there.FileSystem
            && here.Path != there.Path && IsWithin(there.Path, here.Path)
            ? there.Path[(here.Path.TrimEnd('/').Length + 1)..]
            : null;
    }

    private string Flags => Looks.Split(' ')[0];

    /// <summary>Through one mount that is followed all see the same below, whenever they come.</summary>
    private bool IsAlike(SourceView other) =>
        (Looks == other.Looks || (IsFollowed && other.IsFollowed && MountId == other.MountId))
        && IsTopOnly == other.IsTopOnly && Propagation == other.Propagation;

    private static bool IsWithin(string path, string root) =>
        path == root || path.StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal);

    private static string Join(string root, string rest) => rest.Length == 0 ? root : root.TrimEnd('/') + rest;

    /// <summary>A path from the root of a file system, wherever that is mounted.</summary>
    private sealed record FilePlace((uint Major, uint Minor) FileSystem, string Path);
}
