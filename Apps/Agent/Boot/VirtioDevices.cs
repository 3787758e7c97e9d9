using System.Globalization;

namespace Kata.Apps.Agent.Boot;

/// <summary>Which drivers this machine's virtio devices need.</summary>
internal static class VirtioDevices
{
    private const string Directory = "/sys/bus/virtio/devices";

    /// <summary>In the order in which containers wait for them.</summary>
    private static readonly (int Device, string Module)[] Drivers =
    [
        (1, "virtio_net"),
        (2, "virtio_blk"),
        (8, "virtio_scsi"),
        (24, "virtio_mem"),
        (27, "virtio_pmem"),
        (5, "virtio_balloon"),
        (4, "virtio_rng"),
    ];

    public static IEnumerable<string> Modules(string directory = Directory)
    {
        if (!System.IO.Directory.Exists(directory))
        {
            return [];
        }

        var devices = System.IO.Directory.EnumerateDirectories(directory).Select(Kind).ToHashSet();
        return Drivers.Where(driver => devices.Contains(driver.Device)).Select(driver => driver.Module).ToList();
    }

    private static int Kind(string device)
    {
        var file = Path.Combine(device, "device");
        return File.Exists(file)
            && int.TryParse(
                File.ReadAllText(file).Trim().Replace("0x", ""), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out var kind)
            ? kind
            : 0;
    }
}
