using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Devices;

/// <summary>The guest's own device nodes, for containers that may have all of them.</summary>
internal static class GuestNodes
{
    private const uint NodeMode = 0xFFF;

    /// <summary>
    /// What belongs to the guest itself: its terminals, the channels to the host, what a container mounts anew.
    /// </summary>
    private static readonly string[] Withheld =
        ["console", "ptmx", "pts", "shm", "mqueue", "fd", "stdin", "stdout", "stderr", "core", "vport*", "virtio-ports",
            "hvc*"];

    /// <summary>
    /// Character and block devices below a directory, without the disk that the guest itself runs from.
    /// </summary>
    public static IReadOnlyList<Oci.LinuxDevice> List(string directory = "/dev")
    {
        var devices = new List<Oci.LinuxDevice>();
        var (rootMajor, rootMinor) = RootDisk();
        Add(directory);
        return devices;

        void Add(string parent)
        {
            foreach (var path in Directory.EnumerateFileSystemEntries(parent))
            {
                if (Withheld.Any(pattern => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(
                        pattern, Path.GetFileName(path), ignoreCase: false))
                    || FileStatus.TryOf(path, followLink: false) is not { } status)
                {
                    continue;
                }

                if (status.IsDirectory)
                {
                    Add(path);
                }
                else if (
                    status.IsCharacterDevice
                        || (status.IsBlockDevice && (status.NodeMajor != rootMajor || status.NodeMinor > rootMinor)))
                {
                    devices.Add(new Oci.LinuxDevice
                    {
                        Path = path,
                        Type = status.IsBlockDevice ? "b" : "c",
                        Major = status.NodeMajor,
                        Minor = status.NodeMinor,
                        FileMode = status.Mode & NodeMode,
                        UID = status.UserId,
                        GID = status.GroupId,
                    });
                }
            }
        }
    }

    /// <summary>
    /// Partitions have the numbers after their disk's, so every number of the driver up to the root's is taken for its
    /// disk.
    /// </summary>
    private static (uint? Major, uint Minor) RootDisk() =>
        MountInfo.Read().LastOrDefault(mount => mount.MountPoint == "/") is { DeviceMajor: > 0 } root
            ? (root.DeviceMajor, root.DeviceMinor)
            : (null, 0);
}
