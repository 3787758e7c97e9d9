namespace Kata.Platform.Linux;

/// <summary>Which control groups this machine has, by what is mounted.</summary>
public static class Cgroups
{
    public const string Root = "/sys/fs/cgroup";

    private const long CGROUP2_SUPER_MAGIC = 0x63677270;

    /// <summary>V2 if the root is a cgroup2 mount, else v1 with or without a v2 hierarchy beside it.</summary>
    public static CgroupVersion Detect()
    {
        if (FileSystemType(Root) == CGROUP2_SUPER_MAGIC)
            return CgroupVersion.V2;
        var types = MountInfo.Read().Select(mount => mount.FileSystemType).ToHashSet(StringComparer.Ordinal);
        return (types.Contains("cgroup"), types.Contains("cgroup2")) switch
        {
            (true, true) => CgroupVersion.Hybrid,
            (true, false) => CgroupVersion.V1,
            (false, true) => CgroupVersion.V2,
            _ => CgroupVersion.None,
        };
    }

    /// <summary>
    /// Mount points of v1 hierarchies by controller name (cpu, memory, name=systemd, …), and of v2 under the empty
    /// name.
    /// </summary>
    public static IReadOnlyDictionary<string, string> Hierarchies()
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var mount in MountInfo.Read())
        {
            if (mount.FileSystemType == "cgroup2")
                found.TryAdd("", mount.MountPoint);
            else if (mount.FileSystemType == "cgroup")
            {
                foreach (var word in mount.SuperOptions.Split(','))
                {
                    if (word is not ("rw" or "ro" or "xattr" or "noprefix" or "clone_children"))
                        found.TryAdd(word, mount.MountPoint);
                }
            }
        }
        return found;
    }

    /// <summary>The magic number of a mounted file system, 0 if there is no such path.</summary>
    public static unsafe long FileSystemType(string path)
    {
        // SAFETY: struct statfs is 120 bytes on 64-bit targets and begins with the type.
        var buffer = stackalloc byte[256];
        if (Libc.statfs(path, buffer) == 0)
            return *(long*)buffer;
        return LinuxException.LastErrno is Errno.ENOENT or Errno.ENOTDIR
            ? 0
            : throw LinuxException.Last("statfs", path);
    }
}

/// <summary>Kinds of control group set-ups.</summary>
public enum CgroupVersion
{
    None,
    V1,
    Hybrid,
    V2,
}
