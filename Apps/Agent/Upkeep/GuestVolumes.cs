using System.Globalization;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>Volumes by the path at which the guest has them, outside of every container.</summary>
internal static class GuestVolumes
{
    private const ulong SectorSize = 512;

    public static Oci.VolumeStatsResponse Stats(string path)
    {
        Absolute(path);
        var usage = FileSystems.Usage(path);
        return new Oci.VolumeStatsResponse
        {
            Usage =
            {
                new Oci.VolumeUsage
                {
                    Unit = Oci.VolumeUsage.Types.Unit.Bytes,
                    Total = usage.Blocks * usage.BlockSize,
                    Available = usage.FreeBlocks * usage.BlockSize,
                    Used = (usage.Blocks - usage.FreeBlocks) * usage.BlockSize,
                },
                new Oci.VolumeUsage
                {
                    Unit = Oci.VolumeUsage.Types.Unit.Inodes,
                    Total = usage.Files,
                    Available = usage.FreeFiles,
                    Used = usage.Files - usage.FreeFiles,
                },
            },
            VolumeCondition = new Oci.VolumeCondition { Message = "OK" },
        };
    }

    /// <summary>
    /// Lets a file system have more of its disk, which the host has made larger; up to the disk's end at the most.
    /// </summary>
    /// <param name="size">Bytes; 0 for all there is.</param>
    public static void Grow(string path, ulong size)
    {
        Absolute(path);
        var mount = MountInfo.Read().LastOrDefault(mount => mount.MountPoint == path.TrimEnd('/'))
            ?? throw AgentRefusals.Invalid($"no volume is mounted on {path}");
        if (mount.FileSystemType != "ext4")
        {
            throw AgentRefusals.Unimplemented($"this agent resizes volumes with ext4, not with {mount.FileSystemType}");
        }

        var file = $"/sys/dev/block/{mount.DeviceMajor}:{mount.DeviceMinor}/size";
        var disk = ulong.Parse(File.ReadAllText(file).AsSpan().Trim(), NumberStyles.None,
            CultureInfo.InvariantCulture) * SectorSize;
        if (size > disk)
        {
            throw AgentRefusals.Invalid($"the volume on {path} cannot have {size} bytes: its disk has {disk}");
        }

        var blockSize = FileSystems.Usage(path).BlockSize;
        FileSystems.GrowExt4(path, (size == 0 ? disk : size) / blockSize);
    }

    private static void Absolute(string path)
    {
        if (!path.StartsWith('/'))
        {
            throw AgentRefusals.Invalid($"'{path}' is no absolute path in the guest");
        }
    }
}
