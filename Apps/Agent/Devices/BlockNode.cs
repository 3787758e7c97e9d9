using System.Globalization;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Devices;

/// <summary>A block device of the guest.</summary>
/// <param name="Path">Its node.</param>
/// <param name="Major">The driver's number.</param>
/// <param name="Minor">The driver's number for this disk.</param>
internal sealed record BlockNode(string Path, uint Major, uint Minor)
{
    /// <summary>The disk with an entry in sysfs, or null until its node is there too.</summary>
    /// <param name="entry">Such as <c>…/virtio3/block/vda</c>.</param>
    /// <param name="devices">For the guest <c>/dev</c>.</param>
    public static BlockNode? OfEntry(string entry, string devices)
    {
        var path = System.IO.Path.Combine(devices, System.IO.Path.GetFileName(entry));
        return Numbers(System.IO.Path.Combine(entry, "dev")) is var (major, minor)
            && TryOf(path) is { } node && node.Major == major && node.Minor == minor
            ? node
            : null;
    }

    /// <summary>
    /// The device that a node stands for; null if there is no such node, it is none of a block device, or nobody could
    /// open it yet.
    /// </summary>
    public static BlockNode? TryOf(string path) =>
        FileStatus.TryOf(path) is { IsBlockDevice: true } status && CanBeOpened(path)
            ? new BlockNode(path, status.NodeMajor, status.NodeMinor)
            : null;

    // Entry and node of a new disk are there a moment before the kernel lets it be opened; the event comes after that.
    private static bool CanBeOpened(string path)
    {
        try
        {
            DescriptorIo.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK).Dispose();
            return true;
        }
        catch (LinuxException e)
        {
            return e.Errno is not (Errno.ENXIO or Errno.ENODEV or Errno.ENOENT);
        }
    }

    private static (uint Major, uint Minor)? Numbers(string file)
    {
        try
        {
            var parts = File.ReadAllText(file).Trim().Split(':');
            return parts.Length == 2
                && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
                && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
                ? (major, minor)
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
