using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Files that others read while we write them.</summary>
public static class AtomicFile
{
    private static int _counter;

    /// <summary>
    /// Replaces a file whole: a reader sees the old bytes or the new. It outlives this process, not a power cut.
    /// </summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes, uint mode = 0x1A4) =>
        Replace(path, bytes, 0, mode).Dispose();

    /// <summary>
    /// Replaces a file as <see cref="Write"/> does, and answers the new one, for <see
    /// cref="DescriptorIo.Append"/>.
    /// </summary>
    public static SafeFileHandle WriteAndAppend(string path, ReadOnlySpan<byte> bytes, uint mode = 0x180) =>
        Replace(path, bytes, OpenFlags.O_APPEND, mode);

    /// <summary>A file for <see cref="DescriptorIo.Append"/>: each append is one write at the end.</summary>
    public static SafeFileHandle OpenAppend(string path, uint mode = 0x180) =>
        DescriptorIo.Open(
            path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_APPEND | OpenFlags.O_NOFOLLOW, mode);

    private static SafeFileHandle Replace(string path, ReadOnlySpan<byte> bytes, int flags, uint mode)
    {
        var number = Interlocked.Increment(ref _counter);
        var temporary = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}-{number}.tmp");
        SafeFileHandle? file = null;
        try
        {
            file = DescriptorIo.Open(
                temporary, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW | flags,
                mode);
            // The umask took its part of the mode above.
            LinuxException.Check(Libc.fchmod(file, mode), "fchmod", temporary);
            DescriptorIo.Write(file, bytes);
            File.Move(temporary, path, overwrite: true);
            return file;
        }
        catch
        {
            file?.Dispose();
            File.Delete(temporary);
            throw;
        }
    }
}
