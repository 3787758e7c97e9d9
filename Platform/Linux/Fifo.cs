using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Named pipes. Opening never makes a file, never blocks, and refuses what is no fifo with EINVAL.</summary>
public static class Fifo
{
    private const nuint FIONREAD = 0x541B;

    public static void Create(string path, uint mode = 0x180) =>
        LinuxException.Check(Libc.mkfifo(path, mode), "mkfifo", path);

    /// <summary>
    /// The reading end, whether or not there is a writer. Until the first one came a read would say "end".
    /// </summary>
    public static SafeFileHandle OpenReader(string path) => OpenFifo(path, OpenFlags.O_RDONLY);

    /// <summary>The writing end. ENXIO while nobody reads.</summary>
    public static SafeFileHandle OpenWriter(string path) => OpenFifo(path, OpenFlags.O_WRONLY);

    /// <summary>
    /// Both ends in one: works without the other side, never ends while it is open, and holds the fifo open for others.
    /// </summary>
    public static SafeFileHandle OpenBoth(string path) => OpenFifo(path, OpenFlags.O_RDWR);

    /// <summary>Bytes that have been written and nobody has read yet; either end tells.</summary>
    public static unsafe int Unread(SafeFileHandle end)
    {
        var bytes = 0;
        // SAFETY: FIONREAD writes one integer.
        LinuxException.Check(Libc.ioctl(end, FIONREAD, &bytes), "ioctl", "FIONREAD");
        return bytes;
    }

    private static SafeFileHandle OpenFifo(string path, int access)
    {
        var handle = DescriptorIo.Open(path, access | OpenFlags.O_NONBLOCK);
        try
        {
            return FileStatus.Of(handle).IsFifo
                ? handle
                : throw new LinuxException(Errno.EINVAL, "open", path + ", which is no fifo");
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
