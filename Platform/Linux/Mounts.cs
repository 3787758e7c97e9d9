using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary><c>mount(2)</c> and <c>umount2(2)</c>, and the few compositions of them that are needed.</summary>
public static class Mounts
{
    private const int MNT_DETACH = 2;
    private const int UMOUNT_NOFOLLOW = 8;
    private const int AT_FDCWD = -100;
    private const int AT_RECURSIVE = 0x8000;
    private const ulong MOUNT_ATTR_RDONLY = 1;
    private const int OPEN_TREE_CLONE = 1;
    private const int MOVE_MOUNT_BOTH_OPENED = 0x44;

    /// <summary>The kernel takes less than a page of options.</summary>
    private const int LongestData = 4095;

    private const MountFlags Inherited =
        MountFlags.MS_NOSUID | MountFlags.MS_NODEV | MountFlags.MS_NOEXEC | MountFlags.MS_NOATIME
        | MountFlags.MS_NODIRATIME | MountFlags.MS_RELATIME;

    /// <summary>E2BIG for data the kernel would cut off in the middle.</summary>
    public static void Mount(
        string? source, string target, string? type, MountFlags flags = MountFlags.None, string? data = null)
    {
        if (data is not null && Encoding.UTF8.GetByteCount(data) > LongestData)
            throw new LinuxException(Errno.E2BIG, "mount", target);
        LinuxException.Check(Libc.mount(source, target, type, (nuint)(ulong)flags, data), "mount", target);
    }

    /// <summary>
    /// Mounts by words of fstab: flags, data and propagation. A bind mount is made, then remounted with the flags it
    /// ignored.
    /// </summary>
    public static void Mount(string? source, string target, string? type, IEnumerable<string> options)
    {
        var parsed = MountOptions.Parse(options);
        var binds = parsed.Flags & (MountFlags.MS_BIND | MountFlags.MS_REC);
        if ((binds & MountFlags.MS_BIND) != 0 && (parsed.Flags & MountFlags.MS_REMOUNT) == 0)
        {
            Mount(source, target, null, binds);
            var attributes = parsed.Flags & ~binds;
            if (attributes != MountFlags.None)
                RemountBind(target, attributes);
        }
        else
        {
            Mount(source, target, type, parsed.Flags, parsed.Data.Length == 0 ? null : parsed.Data);
        }
        if (parsed.Propagation != MountFlags.None)
            SetPropagation(target, parsed.Propagation);
    }

    /// <summary>
    /// Shows <paramref name="source"/> at <paramref name="target"/> too, its submounts with it if recursive, all of it
    /// read-only if asked.
    /// </summary>
    public static void Bind(string source, string target, bool recursive = true, bool readOnly = false)
    {
        Mount(source, target, null, MountFlags.MS_BIND | (recursive ? MountFlags.MS_REC : 0));
        if (!readOnly)
            return;
        try
        {
            MakeReadOnly(target, recursive);
        }
        catch
        {
            TryUnmount(target);
            throw;
        }
    }

    /// <summary>
    /// Shows the mount at <paramref name="source"/> at an opened file or directory too, without what is mounted below
    /// it.
    /// </summary>
    /// <returns>The new mount, opened: nothing else tells surely which it is once others may have changed
    /// mounts.</returns>
    public static unsafe SafeFileHandle Clone(string source, SafeFileHandle place)
    {
        var texts = NativeStrings.Allocate([source, ""]);
        try
        {
            var opened = Libc.syscall(
                SyscallNumber.OpenTree, AT_FDCWD, (nint)texts[0], OPEN_TREE_CLONE | OpenFlags.O_CLOEXEC, 0, 0);
            var clone = DescriptorIo.Own((int)opened, "open_tree", source);
            // SAFETY: with these flags empty strings mean the descriptors themselves, which outlive the call.
            var moved = Libc.syscall(
                SyscallNumber.MoveMount, clone.DangerousGetHandle(), (nint)texts[1], place.DangerousGetHandle(),
                (nint)texts[1], MOVE_MOUNT_BOTH_OPENED);
            GC.KeepAlive(place);
            if (moved == 0)
                return clone;
            var refusal = LinuxException.Last("move_mount", source);
            clone.Dispose();
            throw refusal;
        }
        finally
        {
            NativeStrings.Free(texts);
        }
    }

    /// <summary>
    /// Makes a mount, or the tree below it, read-only. The other flags stay as they are. EBUSY, and nothing changed,
    /// while a file is open for writing through it.
    /// </summary>
    public static void MakeReadOnly(string target, bool recursive)
    {
        if (TrySetAttributes(target, MOUNT_ATTR_RDONLY, 0, recursive))
            return;
        foreach (var mount in recursive ? Below(target) : Below(target).Take(1))
            RemountBind(mount.MountPoint, MountFlags.MS_RDONLY);
    }

    /// <summary>
    /// Takes read-only from one mount, whoever set it, and leaves the other flags and what is mounted below as they
    /// are.
    /// </summary>
    public static void MakeWritable(string target)
    {
        if (!TrySetAttributes(target, 0, MOUNT_ATTR_RDONLY, recursive: false))
            RemountBind(target, MountFlags.None);
    }

    /// <summary>False if the kernel is older than the call, 5.12.</summary>
    private static unsafe bool TrySetAttributes(string target, ulong set, ulong clear, bool recursive)
    {
        var path = NativeStrings.Allocate([target]);
        // SAFETY: struct mount_attr is four 64-bit words: set, clear, propagation, namespace; its size is passed.
        var attributes = stackalloc ulong[4] { set, clear, 0, 0 };
        var result = Libc.syscall(
            SyscallNumber.MountSetattr, AT_FDCWD, (nint)path[0], recursive ? AT_RECURSIVE : 0, (nint)attributes, 32);
        NativeStrings.Free(path);
        return result == 0
            || (LinuxException.LastErrno == Errno.ENOSYS ? false : throw LinuxException.Last("mount_setattr", target));
    }

    /// <param name="propagation">One of MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, with MS_REC for the
    /// tree.</param>
    public static void SetPropagation(string target, MountFlags propagation) => Mount(null, target, null, propagation);

    /// <summary>
    /// Mounts an overlay. Options longer than the kernel takes are shortened by naming the lower directories from
    /// their common parent, on a thread that has its own working directory.
    /// </summary>
    public static async Task MountOverlayAsync(
        IReadOnlyList<string> lower, string? upper, string? work, string target, MountFlags flags = MountFlags.None,
        IEnumerable<string>? options = null)
    {
        var words = (options ?? []).ToList();
        if (upper is not null)
            words.AddRange(
                [$"upperdir={EscapeOverlay(upper)}",
                    $"workdir={EscapeOverlay(work ?? throw new ArgumentNullException(nameof(work)))}"]);
        var whole = Data(lower);
        if (Encoding.UTF8.GetByteCount(whole) <= LongestData)
        {
            Mount("overlay", target, "overlay", flags, whole);
            return;
        }
        var parent = CommonParent(lower);
        var relative = Data([.. lower.Select(path => Path.GetRelativePath(parent, path))]);
        await Namespaces.RunWithOwnDirectoryAsync(() =>
        {
            LinuxException.Check(Libc.chdir(parent), "chdir", parent);
            Mount("overlay", target, "overlay", flags, relative);
            return true;
        });

        string Data(IReadOnlyList<string> lowers) =>
            string.Join(',', words.Prepend("lowerdir=" + string.Join(':', lowers.Select(EscapeOverlay))));
    }

    /// <summary>Detaches a mount at once; busy files keep working. Links are not followed.</summary>
    public static void Unmount(string target) =>
        LinuxException.Check(Libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW), "umount2", target);

    /// <summary>
    /// Detaches the mount whose root is opened, at once, wherever it is by now: a path to a place where somebody else
    /// writes might lead to another.
    /// </summary>
    public static void Detach(SafeFileHandle root)
    {
        var path = $"/proc/self/fd/{root.DangerousGetHandle()}";
        LinuxException.Check(Libc.umount2(path, MNT_DETACH), "umount2", path);
    }

    /// <summary>False if nothing is mounted there, or there is nothing.</summary>
    public static bool TryUnmount(string target)
    {
        if (Libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
            return true;
        return LinuxException.LastErrno is Errno.EINVAL or Errno.ENOENT or Errno.ENOTDIR
            ? false
            : throw LinuxException.Last("umount2", target);
    }

    /// <summary>
    /// Detaches everything mounted at or below a directory, stacked mounts too. The number of mounts taken away.
    /// </summary>
    public static int UnmountTree(string directory)
    {
        var count = 0;
        foreach (var mount in Below(directory).Reverse())
        {
            if (TryUnmount(mount.MountPoint))
                count++;
        }
        return count;
    }

    /// <summary>True if something is mounted exactly there.</summary>
    public static bool IsMountPoint(string path)
    {
        var full = Path.GetFullPath(path);
        return MountInfo.Read().Any(mount => mount.MountPoint == full);
    }

    /// <summary>
    /// Gives an initramfs a root that is a mount with a parent, so that pivot_root works below it: the root is bound
    /// on <paramref name="newRoot"/>, the given mounts move over, and it takes the place of <c>/</c>.
    /// </summary>
    /// <remarks>Root and directory are the whole process's, except on a thread that unshared them.</remarks>
    public static void MoveRoot(string newRoot, params ReadOnlySpan<string> carried)
    {
        Mount("/", newRoot, null, MountFlags.MS_BIND);
        foreach (var path in carried)
            Mount(path, newRoot + path, null, MountFlags.MS_MOVE);
        LinuxException.Check(Libc.chdir(newRoot), "chdir", newRoot);
        Mount(".", "/", null, MountFlags.MS_MOVE);
        LinuxException.Check(Libc.chroot("."), "chroot", newRoot);
        LinuxException.Check(Libc.chdir("/"), "chdir", "/");
    }

    /// <summary>
    /// Changes a bind mount's own flags; those the source already has are kept, as an unprivileged mount must.
    /// </summary>
    private static void RemountBind(string target, MountFlags attributes)
    {
        var kept = MountFlags.None;
        var full = Path.GetFullPath(target);
        if (MountInfo.Read().LastOrDefault(mount => mount.MountPoint == full) is { } current)
            kept = MountOptions.Parse(current.Options.Split(',')).Flags & Inherited;
        if ((attributes & (MountFlags.MS_NOATIME | MountFlags.MS_STRICTATIME | MountFlags.MS_RELATIME)) != 0)
            kept &= ~(MountFlags.MS_NOATIME | MountFlags.MS_RELATIME);
        Mount(null, target, null, MountFlags.MS_REMOUNT | MountFlags.MS_BIND | attributes | kept);
    }

    private static IEnumerable<MountInfo> Below(string directory)
    {
        var full = Path.GetFullPath(directory).TrimEnd('/');
        return MountInfo.Read().Where(mount =>
            mount.MountPoint == full || mount.MountPoint.StartsWith(full + "/", StringComparison.Ordinal));
    }

    /// <summary>Overlay takes <c>:</c> and <c>,</c> in paths behind a backslash.</summary>
    private static string EscapeOverlay(string path) =>
        path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal)
            .Replace(",", "\\,", StringComparison.Ordinal);

    private static string CommonParent(IReadOnlyList<string> paths)
    {
        var parent = Path.GetDirectoryName(paths[0])!;
        while (parent.Length > 1 && !paths.All(path => path.StartsWith(parent + "/", StringComparison.Ordinal)))
            parent = Path.GetDirectoryName(parent)!;
        return parent;
    }
}
