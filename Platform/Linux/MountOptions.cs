namespace Kata.Platform.Linux;

/// <summary>Words of fstab, sorted into what <c>mount(2)</c> takes separately.</summary>
/// <param name="Flags">Flags of the mount itself; propagation is not among them.</param>
/// <param name="Propagation">Propagation to set afterwards, or none.</param>
/// <param name="Data">What the file system gets, comma-separated.</param>
public readonly record struct MountOptions(MountFlags Flags, MountFlags Propagation, string Data)
{
    /// <summary>
    /// Later words win over earlier ones. Words for user space (X-, x-, comment, defaults, loop, _netdev, auto and
    /// their like) are dropped.
    /// </summary>
    public static MountOptions Parse(IEnumerable<string> words)
    {
        var flags = MountFlags.None;
        var propagation = MountFlags.None;
        var data = new List<string>();
        foreach (var word in words)
        {
            if (word.Length == 0 || IsForUserSpace(word))
                continue;
            if (Flag(word) is var (set, clear))
                flags = (flags & ~clear) | set;
            else if (PropagationOf(word) is var kind && kind != MountFlags.None)
                propagation = kind;
            else
                data.Add(word);
        }
        return new MountOptions(flags, propagation, string.Join(',', data));
    }

    private static (MountFlags Set, MountFlags Clear)? Flag(string word) => word switch
    {
        "ro" => (MountFlags.MS_RDONLY, 0),
        "rw" => (0, MountFlags.MS_RDONLY),
        "nosuid" => (MountFlags.MS_NOSUID, 0),
        "suid" => (0, MountFlags.MS_NOSUID),
        "nodev" => (MountFlags.MS_NODEV, 0),
        "dev" => (0, MountFlags.MS_NODEV),
        "noexec" => (MountFlags.MS_NOEXEC, 0),
        "exec" => (0, MountFlags.MS_NOEXEC),
        "sync" => (MountFlags.MS_SYNCHRONOUS, 0),
        "async" => (0, MountFlags.MS_SYNCHRONOUS),
        "dirsync" => (MountFlags.MS_DIRSYNC, 0),
        "remount" => (MountFlags.MS_REMOUNT, 0),
        "mand" => (MountFlags.MS_MANDLOCK, 0),
        "nomand" => (0, MountFlags.MS_MANDLOCK),
        "nosymfollow" => (MountFlags.MS_NOSYMFOLLOW, 0),
        "symfollow" => (0, MountFlags.MS_NOSYMFOLLOW),
        "noatime" => (MountFlags.MS_NOATIME, MountFlags.MS_RELATIME | MountFlags.MS_STRICTATIME),
        "atime" => (0, MountFlags.MS_NOATIME),
        "nodiratime" => (MountFlags.MS_NODIRATIME, 0),
        "diratime" => (0, MountFlags.MS_NODIRATIME),
        "relatime" => (MountFlags.MS_RELATIME, MountFlags.MS_NOATIME | MountFlags.MS_STRICTATIME),
        "norelatime" => (0, MountFlags.MS_RELATIME),
        "strictatime" => (MountFlags.MS_STRICTATIME, MountFlags.MS_NOATIME | MountFlags.MS_RELATIME),
        "nostrictatime" => (0, MountFlags.MS_STRICTATIME),
        "lazytime" => (MountFlags.MS_LAZYTIME, 0),
        "nolazytime" => (0, MountFlags.MS_LAZYTIME),
        "silent" => (MountFlags.MS_SILENT, 0),
        "loud" => (0, MountFlags.MS_SILENT),
        "bind" => (MountFlags.MS_BIND, 0),
        "rbind" => (MountFlags.MS_BIND | MountFlags.MS_REC, 0),
        _ => null,
    };

    private static MountFlags PropagationOf(string word) => word switch
    {
        "private" => MountFlags.MS_PRIVATE,
        "rprivate" => MountFlags.MS_PRIVATE | MountFlags.MS_REC,
        "slave" => MountFlags.MS_SLAVE,
        "rslave" => MountFlags.MS_SLAVE | MountFlags.MS_REC,
        "shared" => MountFlags.MS_SHARED,
        "rshared" => MountFlags.MS_SHARED | MountFlags.MS_REC,
        "unbindable" => MountFlags.MS_UNBINDABLE,
        "runbindable" => MountFlags.MS_UNBINDABLE | MountFlags.MS_REC,
        _ => MountFlags.None,
    };

    private static bool IsForUserSpace(string word) =>
        word.StartsWith("X-", StringComparison.OrdinalIgnoreCase)
        || word.StartsWith("comment=", StringComparison.Ordinal)
        || word is "defaults" or "auto" or "noauto" or "user" or "nouser" or "users" or "owner" or "group" or "nofail"
            or "_netdev" or "loop";
}
