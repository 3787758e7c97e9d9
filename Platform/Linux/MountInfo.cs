using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>One line of <c>/proc/PID/mountinfo</c>.</summary>
/// <param name="Root">What of the file system is mounted here.</param>
/// <param name="Propagation">The optional fields, such as <c>shared:3</c>.</param>
public sealed record MountInfo(
    int Id, int ParentId, uint DeviceMajor, uint DeviceMinor, string Root, string MountPoint, string Options,
    IReadOnlyList<string> Propagation, string FileSystemType, string Source, string SuperOptions)
{
    /// <summary>The mounts of our mount namespace, parents before children.</summary>
    public static IReadOnlyList<MountInfo> Read() => Parse(File.ReadAllText("/proc/thread-self/mountinfo"));

    public static IReadOnlyList<MountInfo> Read(int processId) =>
        Parse(File.ReadAllText($"/proc/{processId}/mountinfo"));

    /// <summary>Whether anything is mounted below a directory, itself aside.</summary>
    public static bool IsAnyBelow(string directory)
    {
        var below = directory.TrimEnd('/') + "/";
        return Read().Any(
            mount =>
                mount.MountPoint.Length > below.Length && mount.MountPoint.StartsWith(below, StringComparison.Ordinal));
    }

    /// <summary>
    /// One mount by its number; null if there is none. Only its own line is taken apart: a host may have thousands.
    /// </summary>
    public static MountInfo? Find(int id)
    {
        var start = string.Create(CultureInfo.InvariantCulture, $"{id} ");
        var line = File.ReadLines("/proc/thread-self/mountinfo")
            .FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal));
        return line is not null && TryParseLine(line, out var mount) ? mount : null;
    }

    /// <summary>
    /// The mount that a descriptor was opened through, which its path alone would not tell of stacked ones; null if it
    /// is in another namespace.
    /// </summary>
    public static MountInfo? Of(SafeFileHandle opened) => IdOf(opened) is { } id ? Find(id) : null;

    /// <summary>The number of the mount that a descriptor was opened through; null if the kernel tells none.</summary>
    public static int? IdOf(SafeFileHandle opened)
    {
        const string key = "mnt_id:";
        var line = File.ReadLines($"/proc/self/fdinfo/{opened.DangerousGetHandle()}")
            .FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        return int.TryParse(line?[key.Length..], CultureInfo.InvariantCulture, out var id) ? id : null;
    }

    /// <summary>Lines that are not understood are left out.</summary>
    public static IReadOnlyList<MountInfo> Parse(string text)
    {
        var mounts = new List<MountInfo>();
        foreach (var line in text.Split('\n'))
        {
            if (TryParseLine(line, out var mount))
                mounts.Add(mount);
        }
        return mounts;
    }

    public static bool TryParseLine(string line, out MountInfo mount)
    {
        mount = null!;
        var fields = line.Split(' ');
        var separator = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
        if (separator < 6 || fields.Length < separator + 4)
            return false;
        var device = fields[2].Split(':');
        if (device.Length != 2
            || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out var id)
            || !int.TryParse(fields[1], CultureInfo.InvariantCulture, out var parent)
            || !uint.TryParse(device[0], CultureInfo.InvariantCulture, out var major)
            || !uint.TryParse(device[1], CultureInfo.InvariantCulture, out var minor))
            return false;
        mount = new MountInfo(
            id, parent, major, minor, Unescape(fields[3]), Unescape(fields[4]), fields[5], fields[6..separator],
            Unescape(fields[separator + 1]), Unescape(fields[separator + 2]), Unescape(fields[separator + 3]));
        return true;
    }

    /// <summary>
    /// Undoes the kernel's <c>\ooo</c> for space, tab, newline and backslash. The octal digits are bytes of UTF-8.
    /// </summary>
    internal static string Unescape(string text)
    {
        if (!text.Contains('\\'))
            return text;
        var source = Encoding.UTF8.GetBytes(text);
        var target = new byte[source.Length];
        var length = 0;
        for (var i = 0; i < source.Length; i++)
        {
            if (source[i] == '\\' && i + 3 < source.Length
                && source[i + 1] is >= (byte)'0' and <= (byte)'3' && IsOctal(source[i + 2]) && IsOctal(source[i + 3]))
            {
                target[length++] = (byte)(
                    ((source[i + 1] - '0') << 6) | ((source[i + 2] - '0') << 3) | (source[i + 3] - '0'));
                i += 3;
            }
            else
            {
                target[length++] = source[i];
            }
        }
        return Encoding.UTF8.GetString(target, 0, length);
    }

    private static bool IsOctal(byte digit) => digit is >= (byte)'0' and <= (byte)'7';
}
