using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// An exclusive <c>flock(2)</c> on a file or directory. It belongs to the open file, so a child that inherits the
/// descriptor holds it too, and it ends when the last of them closes it.
/// </summary>
public sealed class FileLock : IDisposable
{
    private const int LOCK_EX = 2;
    private const int LOCK_NB = 4;

    private FileLock(SafeFileHandle handle) => Handle = handle;

    /// <summary>To be inherited by who goes on holding the lock.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Null if somebody else holds it. ENOENT if the path is gone; a file is not made.</summary>
    public static FileLock? TryAcquire(string path)
    {
        var handle = DescriptorIo.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW);
        if (TryLock(handle))
            return new FileLock(handle);
        handle.Dispose();
        return null;
    }

    /// <summary>Waits on the calling thread until nobody else holds it: for what is held for moments only.</summary>
    public static FileLock Acquire(string path)
    {
        var handle = DescriptorIo.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW);
        try
        {
            while (Libc.flock(handle, LOCK_EX) != 0)
            {
                if (LinuxException.LastErrno != Errno.EINTR)
                    throw LinuxException.Last("flock", path);
            }

            return new FileLock(handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a lock whose descriptor was inherited. EWOULDBLOCK if it was not really ours.</summary>
    public static FileLock FromInherited(int descriptor)
    {
        var handle = DescriptorIo.FromInherited(descriptor);
        if (TryLock(handle))
            return new FileLock(handle);
        handle.Dispose();
        throw new LinuxException(Errno.EAGAIN, "flock", $"fd {descriptor}");
    }

    /// <summary>True if somebody holds it now.</summary>
    public static bool IsHeld(string path)
    {
        using var mine = TryAcquire(path);
        return mine is null;
    }

    /// <summary>Closes our descriptor; a child that inherited it still holds the lock.</summary>
    public void Dispose() => Handle.Dispose();

    private static bool TryLock(SafeHandle handle)
    {
        if (Libc.flock(handle, LOCK_EX | LOCK_NB) == 0)
            return true;
        return LinuxException.LastErrno == Errno.EAGAIN
            ? false
            : throw LinuxException.Last("flock", DescriptorIo.Describe(handle));
    }
}
