using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// The command line of either virtiofsd. Settings speak the Rust daemon's language; for QEMU's it is translated. The
/// daemon's own sandbox and seccomp filter are always on: it reads what the guest says with the rights of root.
/// </summary>
internal static class VirtiofsdArguments
{
    private static readonly string[] Caches = ["auto", "always", "metadata", "never"];

    /// <summary>
    /// What makes files behave as on the host, on unless <c>virtio_fs_extra_args</c> says otherwise: mounts below the
    /// share are filesystems of their own, and files have their extended attributes, capabilities among them. Lists of
    /// access are not among these: Linux knows none on a mount that is announced, and would refuse even to store them.
    /// </summary>
    private static readonly string[] Defaults = ["announce-submounts", "xattr"];

    /// <summary>
    /// Where the daemon can: it finds a file again by its handle instead of keeping it open, so that what the host
    /// deletes gives its room back although the guest remembers it. Where the filesystem has no handles it keeps files
    /// open.
    /// </summary>
    private const string FileHandles = "inode-file-handles";

    /// <summary>
    /// One request for each of these is answered at a time. Alone, as the daemons are by themselves, a single one waits
    /// for a filesystem that does not answer, and all files of all containers with it. QEMU's ends with several (ADR
    /// 22).
    /// </summary>
    private const string Threads = "thread-pool-size";

    /// <summary>As many callers may be stuck before others are; nine kilobytes each when idle.</summary>
    private const int EnoughThreads = 64;

    /// <summary>
    /// QEMU's daemon would store a list of access that nobody keeps to: to the guest its mask then passes for the
    /// rights of the group. The other daemon refuses it unless told otherwise.
    /// </summary>
    private const string NoAccessLists = "no-posix-acl";

    /// <summary>Options of ours, and those that would take away what keeps a broken daemon in.</summary>
    private static readonly string[] Refused =
        ["--shared-dir", "--socket-path", "--fd", "--socket-group", "--seccomp", "--sandbox=none", "--daemonize",
            "source", "sandbox=none"];

    public static IReadOnlyList<string> For(
        VirtiofsdFlavour flavour, Version? version, HostPath exported, int descriptor, HypervisorSettings settings)
    {
        var cache = settings.VirtioFsCache is { Length: > 0 } set ? set : "auto";
        if (!Caches.Contains(cache))
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"virtio_fs_cache is \"{cache}\", but can only be one of: {string.Join(", ", Caches)}");
        var extra = Pair(settings.VirtioFsExtraArguments).ToList();
        foreach (var argument in extra)
            Check(argument);

        return flavour == VirtiofsdFlavour.Rust
            ? [
                $"--fd={descriptor}",
                $"--shared-dir={exported}",
                $"--cache={cache}",
                .. extra.Any(a => a.StartsWith("--sandbox=", StringComparison.Ordinal))
                    ? Array.Empty<string>()
                    : ["--sandbox=namespace"],
                "--seccomp=kill",
                .. DefaultsUnless(extra),
                .. VirtiofsdLacks.HasFileHandles(flavour, version) && !Said(extra).Contains(FileHandles)
                    ? [$"--{FileHandles}=prefer"]
                    : Array.Empty<string>(),
                .. ThreadsUnless(extra),
                .. extra.SelectMany(Words),
            ]
            : [
                $"--fd={descriptor}",
                "-o", $"source={exported}",
                "-o", $"cache={QemuCache(cache)}",
                .. extra.Any(a => a.StartsWith("--sandbox=", StringComparison.Ordinal))
                    ? Array.Empty<string>()
                    : ["-o", "sandbox=namespace"],
                .. DefaultsUnless(extra).SelectMany(Translate),
                .. Said(extra).Overlaps(["posix-acl", NoAccessLists])
                    ? Array.Empty<string>()
                    : Translate($"--{NoAccessLists}"),
                .. extra.SelectMany(Translate),
            ];
    }

    /// <summary>
    /// QEMU's daemon cannot cache metadata alone; caching nothing is the nearest that is never wrong.
    /// </summary>
    private static string QemuCache(string cache) => cache is "never" or "metadata" ? "none" : cache;

    /// <summary>Joins <c>-o</c> and <c>--option</c> with the value that follows as a word of its own.</summary>
    private static IEnumerable<string> Pair(IReadOnlyList<string> words)
    {
        for (var i = 0; i < words.Count; i++)
        {
            var hasValue = i + 1 < words.Count && !words[i + 1].StartsWith('-');
            if (words[i] == "-o" && hasValue)
                yield return $"-o={words[++i]}";
            else if (words[i].StartsWith("--", StringComparison.Ordinal) && !words[i].Contains('=') && hasValue)
                yield return $"{words[i]}={words[++i]}";
            else
                yield return words[i];
        }
    }

    /// <summary>Those of the defaults about which nothing is said, neither for nor against.</summary>
    private static IEnumerable<string> DefaultsUnless(IReadOnlyList<string> extra)
    {
        var said = Said(extra);
        return Defaults.Where(option => !said.Contains(option) && !said.Contains($"no-{option}"))
            .Select(option => $"--{option}");
    }

    private static IEnumerable<string> ThreadsUnless(IReadOnlyList<string> extra) =>
        Said(extra).Contains(Threads) ? [] : [$"--{Threads}={EnoughThreads}"];

    /// <summary>The names of the options, those of <c>-o</c> as those of the other daemon.</summary>
    private static HashSet<string> Said(IReadOnlyList<string> extra) =>
        [.. extra.SelectMany(Keys).Select(key => key.TrimStart('-').Split('=')[0].Replace('_', '-'))];

    private static string[] Keys(string argument) =>
        argument.StartsWith("-o=", StringComparison.Ordinal) ? argument[3..].Split(',') : [argument];

    private static void Check(string argument)
    {
        foreach (var key in Keys(argument))
        {
            if (Refused.FirstOrDefault(r => key == r
                || key.StartsWith(r + "=", StringComparison.Ordinal)) is { } refused)
                throw new KataException(
                    ErrorKind.InvalidArgument,
                    $"virtio_fs_extra_args must not contain {refused}: "
                    + "it is set by the runtime or would switch off the daemon's protection");
        }
    }

    private static IEnumerable<string> Words(string argument) => argument switch
    {
        // It has no words for what is off unless asked for.
        "--no-xattr" or "--no-posix-acl" => [],
        _ when argument.StartsWith("-o=", StringComparison.Ordinal) => ["-o", argument[3..]],
        _ => [argument],
    };

    private static IEnumerable<string> Translate(string argument)
    {
        if (argument.StartsWith("-o=", StringComparison.Ordinal))
            return ["-o", argument[3..]];
        var name = argument.Split('=')[0];
        return name switch
        {
            "--announce-submounts" or "--xattr" or "--no-xattr" or "--posix-acl" or "--no-posix-acl"
                or "--security-label" or "--writeback" or "--allow-direct-io"
                or "--killpriv-v2" or "--no-killpriv-v2" or "--no-readdirplus" or "--modcaps" or "--xattrmap"
                    or "--sandbox" or "--log-level" =>
                ["-o", argument[2..].Replace(name[2..], name[2..].Replace('-', '_'), StringComparison.Ordinal)],
            // Inodes are always held by descriptors there.
            "--inode-file-handles" or "--no-announce-submounts" or "--allow-mmap" or "--preserve-noatime" => [],
            _ => [argument],
        };
    }
}
