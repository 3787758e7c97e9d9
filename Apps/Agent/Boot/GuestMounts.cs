using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Boot;

/// <summary>The file systems that PID 1 owes everybody else.</summary>
internal static class GuestMounts
{
    private const string NewRoot = "/newroot";
    private const MountFlags Plain = MountFlags.MS_NOSUID | MountFlags.MS_NODEV | MountFlags.MS_NOEXEC;

    public static void MountEarly()
    {
        TryMount("proc", "/proc", "proc", Plain);
        TryMount("sysfs", "/sys", "sysfs", Plain);
        TryMount("dev", "/dev", "devtmpfs", MountFlags.MS_NOSUID);
        if (RootIsInitramfs())
        {
            // pivot_root refuses to work below a root that has no parent, which an initramfs is.
            Directory.CreateDirectory(NewRoot);
            Mounts.MoveRoot(NewRoot, "/dev", "/proc", "/sys");
        }

        Directory.CreateDirectory("/dev/pts");
        Directory.CreateDirectory("/dev/shm");
        TryMount(
            "devpts", "/dev/pts", "devpts", MountFlags.MS_NOSUID | MountFlags.MS_NOEXEC, "ptmxmode=0666,mode=0620");
        TryMount("shm", "/dev/shm", "tmpfs", MountFlags.MS_NOSUID | MountFlags.MS_NODEV, "mode=1777");
        TryMount("run", "/run", "tmpfs", MountFlags.MS_NOSUID | MountFlags.MS_NODEV, "mode=0755");
        TryMount("tmp", "/tmp", "tmpfs", MountFlags.MS_NOSUID | MountFlags.MS_NODEV, "mode=1777");
        TryMount("cgroup2", "/sys/fs/cgroup", "cgroup2", Plain | MountFlags.MS_RELATIME, "nsdelegate");
    }

    /// <summary>Gives every controller to the cgroup that all containers lie below.</summary>
    public static void PrepareCgroups(string root)
    {
        var containers = Path.Combine(root, "kata");
        EnableControllers(root);
        Directory.CreateDirectory(containers);
        EnableControllers(containers);
    }

    private static void EnableControllers(string cgroup)
    {
        foreach (var controller in File.ReadAllText(Path.Combine(cgroup, "cgroup.controllers")).Split((char[]?)null,
            StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                File.WriteAllText(Path.Combine(cgroup, "cgroup.subtree_control"), "+" + controller);
            }
            catch (IOException)
            {
                // One that the kernel refuses is one that no container can have.
            }
        }
    }

    private static bool RootIsInitramfs() =>
        MountInfo.Read().LastOrDefault(mount => mount.MountPoint == "/")?.FileSystemType is "rootfs" or null;

    private static void TryMount(string source, string target, string type, MountFlags flags, string? data = null)
    {
        try
        {
            Mounts.Mount(source, target, type, flags, data);
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            // The kernel, or the initrd before this root, has mounted it already.
        }
    }
}
