using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Files that others read while we write them.</summary>
public static class AtomicFile
{
    private static int _counter;

    /// <summary>Replaces a file whole: a reader sees the old bytes or the new. It outlives this process, not a power cut.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes, uint mode = 0x1A4)
    {
        var number = Interlocked.Increment(ref _counter);
        var temporary = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}-{number}.tmp");
        try
        {
            using (var file = DescriptorIo.Open(temporary, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, mode))
            {
                // The umask took its part of the mode above.
                LinuxException.Check(Libc.fchmod(file, mode), "fchmod", temporary);
                DescriptorIo.Write(file, bytes);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>A file for <see cref="DescriptorIo.Append"/>: each append is one write at the end.</summary>
    public static SafeFileHandle OpenAppend(string path, uint mode = 0x180) =>
        DescriptorIo.Open(path, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_APPEND | OpenFlags.O_NOFOLLOW, mode);
}
