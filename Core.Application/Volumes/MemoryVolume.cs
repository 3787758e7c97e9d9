using System.Globalization;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>Volumes that the guest makes for itself; the containers of a pod that name the same one share it.</summary>
internal static class MemoryVolume
{
    private const long Binary = 1024;

    private static readonly GuestPath Ephemeral = GuestPath.Parse(
        "/run/kata-containers/sandbox/ephemeral", "ephemeral volumes");

    /// <summary>
    /// An emptyDir in memory: a tmpfs of the guest, of the size, mode, owner and group that kubelet's has.
    /// </summary>
    public static GuestMount Tmpfs(HostPath source, HostFile found)
    {
        var options = new List<string>
        {
            $"mode={GuestPart.Octal(found.Permissions)}",
            string.Create(CultureInfo.InvariantCulture, $"uid={found.UserId}"),
            string.Create(CultureInfo.InvariantCulture, $"gid={found.GroupId}"),
        };
        if (MountOptions.Bytes(MountOptions.Value(found.FsOptions, "size")) is > 0 and var bytes)
            options.Add(string.Create(CultureInfo.InvariantCulture, $"size={bytes}"));
        return new GuestMount
        {
            Driver = "ephemeral",
            Source = "tmpfs",
            FsType = "tmpfs",
            MountPoint = Ephemeral.Append(source.Name),
            Options = options
        };
    }

    /// <summary>An emptyDir of huge pages; they are the guest's, as many as the container may have.</summary>
    public static GuestMount Hugepages(OciMount mount, HostPath source, HostFile found, OciResources? limits)
    {
        var page = MountOptions.Bytes(MountOptions.Value(found.FsOptions, "pagesize")) is > 0 and var size
            ? size
            : throw MountOptions.Refuse(mount, "is a hugetlbfs volume without a pagesize option");
        var limit = (limits?.HugepageLimits ?? []).FirstOrDefault(l => PageBytes(l.PageSize) == page)
            ?? throw MountOptions.Refuse(
                mount,
                $"is a hugetlbfs volume of {page / Binary} kB pages, for which the container has no limit; "
                + "request that resource");
        return new GuestMount
        {
            Driver = "ephemeral",
            Source = "nodev",
            FsType = "hugetlbfs",
            MountPoint = Ephemeral.Append(source.Name),
            // One word with a comma, as the agent's protocol has it.
            Options = [string.Create(CultureInfo.InvariantCulture, $"pagesize={page},size={limit.Limit}")],
        };
    }

    /// <summary>
    /// A directory in a volume, for an agent that does not show parts: it follows links on the way, as upstream's does.
    /// </summary>
    public static GuestMount Local(GuestPath place, HostFile found) => new()
    {
        Driver = "local",
        Source = "local",
        FsType = "local",
        MountPoint = place,
        Options = found.GroupId == 0
            ? ["mode=0777"]
            : ["mode=0777", string.Create(CultureInfo.InvariantCulture, $"fsgid={found.GroupId}")],
    };

    // "2MB" and "1GB" in a specification, which mean powers of two.
    private static long? PageBytes(string text) => MountOptions.Bytes(text.EndsWith('B') ? text[..^1] : text);
}
