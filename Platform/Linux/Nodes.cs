namespace Kata.Platform.Linux;

/// <summary>Making and owning files that <see cref="File"/> does not know.</summary>
public static class Nodes
{
    private const int AT_FDCWD = -100;
    private const int AT_SYMLINK_NOFOLLOW = 0x100;

    /// <param name="mode">A type of <see cref="FileStatus"/> with permission bits.</param>
    public static void MakeNode(string path, uint mode, uint major = 0, uint minor = 0) =>
        LinuxException.Check(Libc.mknod(path, mode, Device(major, minor)), "mknod", path);

    /// <summary>Of the file or link itself. <see cref="uint.MaxValue"/> leaves an id as it is.</summary>
    public static void ChangeOwner(string path, uint userId, uint groupId) =>
        LinuxException.Check(Libc.fchownat(AT_FDCWD, path, userId, groupId, AT_SYMLINK_NOFOLLOW), "fchownat", path);

    /// <summary>Of what the path leads to. <see cref="uint.MaxValue"/> leaves an id as it is.</summary>
    public static void ChangeOwnerOfTarget(string path, uint userId, uint groupId) =>
        LinuxException.Check(Libc.fchownat(AT_FDCWD, path, userId, groupId, 0), "fchownat", path);

    /// <summary>Permission bits of what the path leads to.</summary>
    public static void ChangeMode(string path, uint mode) =>
        LinuxException.Check(Libc.chmod(path, mode), "chmod", path);

    /// <summary>
    /// Gives a file or link another name, at once and in place of what had it. Links are not followed, as
    /// <see cref="File.Move(string, string)"/> would.
    /// </summary>
    public static void Rename(string from, string to) => LinuxException.Check(Libc.rename(from, to), "rename", to);

    /// <summary>A device number as glibc and the kernel pack it.</summary>
    public static ulong Device(uint major, uint minor) =>
        (minor & 0xffUL) | ((major & 0xfffUL) << 8) | ((minor & ~0xffUL) << 12) | ((major & ~0xfffUL) << 32);
}
