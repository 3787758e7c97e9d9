using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>What <c>statx(2)</c> says about a file.</summary>
public readonly record struct FileStatus(
    uint Mode, uint UserId, uint GroupId, ulong Inode, long Size, uint Links, uint DeviceMajor, uint DeviceMinor,
    uint NodeMajor, uint NodeMinor)
{
    public const uint S_IFMT = 0xF000;
    public const uint S_IFSOCK = 0xC000;
    public const uint S_IFLNK = 0xA000;
    public const uint S_IFREG = 0x8000;
    public const uint S_IFBLK = 0x6000;
    public const uint S_IFDIR = 0x4000;
    public const uint S_IFCHR = 0x2000;
    public const uint S_IFIFO = 0x1000;

    private const int AT_FDCWD = -100;
    private const int AT_SYMLINK_NOFOLLOW = 0x100;
    private const int AT_EMPTY_PATH = 0x1000;
    private const uint STATX_BASIC_STATS = 0x7ff;
    private const int SizeOfStatx = 256;

    public uint Type => Mode & S_IFMT;

    public bool IsFifo => Type == S_IFIFO;

    public bool IsDirectory => Type == S_IFDIR;

    public bool IsRegular => Type == S_IFREG;

    public bool IsLink => Type == S_IFLNK;

    public bool IsBlockDevice => Type == S_IFBLK;

    public bool IsCharacterDevice => Type == S_IFCHR;

    public bool IsSocket => Type == S_IFSOCK;

    /// <summary>Permission bits with set-id and sticky.</summary>
    public uint Permissions => Mode & 0xFFF;

    public static FileStatus Of(SafeHandle handle)
    {
        var held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            return Read((int)handle.DangerousGetHandle(), "", AT_EMPTY_PATH, DescriptorIo.Describe(handle))!.Value;
        }
        finally
        {
            handle.DangerousRelease();
        }
    }

    /// <summary>Of the file itself; a link in the last place is followed only if asked.</summary>
    public static FileStatus Of(string path, bool followLink = true) =>
        TryOf(path, followLink) ?? throw new LinuxException(Errno.ENOENT, "statx", path);

    /// <summary>Null if there is no such file.</summary>
    public static FileStatus? TryOf(string path, bool followLink = true) =>
        Read(AT_FDCWD, path, followLink ? 0 : AT_SYMLINK_NOFOLLOW, path);

    private static unsafe FileStatus? Read(int directory, string path, int flags, string subject)
    {
        // SAFETY: struct statx is 256 bytes, the same on all architectures; the offsets below are its layout.
        var buffer = stackalloc byte[SizeOfStatx];
        if (Libc.statx(directory, path, flags, STATX_BASIC_STATS, buffer) < 0)
        {
            return LinuxException.LastErrno is Errno.ENOENT or Errno.ENOTDIR
                ? null
                : throw LinuxException.Last("statx", subject);
        }
        var words = new ReadOnlySpan<uint>(buffer, SizeOfStatx / 4);
        return new FileStatus(
            *(ushort*)(buffer + 28), words[5], words[6], *(ulong*)(buffer + 32), *(long*)(buffer + 40), words[4],
            words[34], words[35], words[32], words[33]);
    }
}
