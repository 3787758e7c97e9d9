using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>What the words of a mount's options say.</summary>
internal static class MountOptions
{
    /// <summary>Marks a file that is a disk.</summary>
    public const string FileIsDisk = "io.katacontainers.fs-opt.block_device=file";

    /// <summary>The mount shows something that is there already, whatever its type says.</summary>
    public static bool IsBind(OciMount mount) =>
        mount.Type == "bind" || mount.Options.Contains("bind") || mount.Options.Contains("rbind");

    /// <summary>Of contradicting words the last one counts, as with mount(8).</summary>
    public static ShareAccess Access(IReadOnlyList<string> options) =>
        options.LastOrDefault(o => o is "ro" or "rro" or "rw") is "ro" or "rro"
            ? ShareAccess.ReadOnly
            : ShareAccess.ReadWrite;

    /// <summary>Read-only is meant for the mount alone, and not for what is mounted below it.</summary>
    public static bool IsReadOnlyTop(IReadOnlyList<string> options) =>
        Access(options) == ShareAccess.ReadOnly && !options.Contains("rro");

    /// <summary>
    /// Without a word, mounts of the host appear, as they do in a container that shares the host's kernel. "shared"
    /// cannot bring anything back from another kernel and is as good as "slave".
    /// </summary>
    public static SharePropagation Propagation(IReadOnlyList<string> options) =>
        options.LastOrDefault(
            o =>
                o is "private" or "rprivate" or "slave" or "rslave" or "shared" or "rshared" or "unbindable"
                    or "runbindable")
            is "private" or "rprivate" or "unbindable" or "runbindable"
                ? SharePropagation.Private
                : SharePropagation.FromHost;

    /// <summary>The value of <c>key=value</c>, the last one; null if it is not there.</summary>
    public static string? Value(IReadOnlyList<string> options, string key) =>
        options.LastOrDefault(o => o.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];

    /// <summary>A size in the words of tmpfs and hugetlbfs: a number with k, m, g or t; null if it is none.</summary>
    public static long? Bytes(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var shift = char.ToLowerInvariant(text[^1]) switch { 'k' => 10, 'm' => 20, 'g' => 30, 't' => 40, _ => 0 };
        return long.TryParse(
            shift > 0 ? text[..^1] : text, System.Globalization.NumberStyles.None,
            System.Globalization.CultureInfo.InvariantCulture, out var number)
            && number <= long.MaxValue >> shift ? number << shift : null;
    }

    /// <summary>True for a path and for what is below it.</summary>
    public static bool IsUnder(string? path, string root) =>
        path is not null && (path == root || path.StartsWith(root + "/", StringComparison.Ordinal));

    /// <summary>Refuses a mount of what no machine but the host's own can reach.</summary>
    public static void CheckReach(OciMount mount, HostPath source, HostFile found)
    {
        var why = found.Kind switch
        {
            HostFileKind.Socket => "a unix socket of the host, which cannot be connected to from a VM",
            HostFileKind.Fifo => "a named pipe of the host, which does not work from a VM",
            HostFileKind.CharacterDevice when GuestDevices.OwnNode(found.Number) is null =>
                $"a character device of the host ({found.Number}), which cannot be passed to a VM",
            _ => null,
        };
        if (why is not null)
            throw Refuse(mount, $"has source {source}, {why}");
    }

    /// <summary>A mount that cannot be; the sentence begins with its destination.</summary>
    public static KataException Refuse(OciMount mount, string why) =>
        new(ErrorKind.InvalidArgument, $"the mount at {mount.Destination} {why}");
}
