namespace Kata.Platform.Linux;

/// <summary>What a file system holds.</summary>
/// <param name="BlockSize">Bytes of a block.</param>
/// <param name="Blocks">All blocks.</param>
/// <param name="FreeBlocks">Free ones, those kept for root too.</param>
/// <param name="Files">All inodes; 0 if they are made as needed.</param>
/// <param name="FreeFiles">Free inodes.</param>
public readonly record struct FileSystemUsage(
    ulong BlockSize, ulong Blocks, ulong FreeBlocks, ulong Files, ulong FreeFiles);

/// <summary>Mounted file systems as a whole.</summary>
public static class FileSystems
{
    private const int SizeOfStatfs = 120;
    private const nuint EXT4_IOC_RESIZE_FS = 0x40086610;

    /// <summary>Of the file system that a path lies in.</summary>
    public static unsafe FileSystemUsage Usage(string path)
    {
        // SAFETY: struct statfs is 15 words on 64-bit targets: type, block size, blocks, free, available, files, free
        // files, …
        var words = stackalloc ulong[SizeOfStatfs / sizeof(ulong)];
        LinuxException.Check(Libc.statfs(path, (byte*)words), "statfs", path);
        return new FileSystemUsage(words[1], words[2], words[3], words[5], words[6]);
    }

    /// <summary>Grows a mounted ext4 to so many of its blocks. EINVAL if the disk is smaller.</summary>
    public static unsafe void GrowExt4(string mountPoint, ulong blocks)
    {
        using var directory = DescriptorIo.Open(mountPoint, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
        // SAFETY: the call reads one 64-bit word.
        LinuxException.Check(
            Libc.ioctl(directory, EXT4_IOC_RESIZE_FS, &blocks), "ioctl", $"EXT4_IOC_RESIZE_FS {mountPoint}");
    }
}
