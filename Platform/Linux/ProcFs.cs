using System.Globalization;

namespace Kata.Platform.Linux;

/// <summary>What <c>/proc</c> says about processes. Null where a process is gone.</summary>
public static class ProcFs
{
    /// <summary>Clock ticks from boot to the start: with the pid, the identity of a process.</summary>
    public static long? StartTime(int processId) => Stat(processId)?.StartTime;

    public static string? Comm(int processId) => Stat(processId)?.Comm;

    public static ProcStat? Stat(int processId) =>
        ReadAll($"/proc/{processId}/stat") is { } text && ProcStat.TryParse(text, out var stat) ? stat : null;

    /// <summary>True while it runs and is the process that started then; a zombie does not run.</summary>
    public static bool IsAlive(int processId, long startTime) =>
        Stat(processId) is { } stat && stat.StartTime == startTime && stat.State is not ('Z' or 'X');

    /// <summary>The arguments, argv[0] first; empty for kernel threads and zombies.</summary>
    public static IReadOnlyList<string> CommandLine(int processId) =>
        ReadAll($"/proc/{processId}/cmdline") is { Length: > 0 } text ? text.TrimEnd('\0').Split('\0') : [];

    /// <summary>
    /// How long the thread of a process that waited longest was ready to run and waited for a processor. Zero if the
    /// process is gone, or if the kernel keeps no such figures (CONFIG_SCHED_INFO).
    /// </summary>
    public static TimeSpan LongestRunDelay(int processId)
    {
        const int nanosecondsPerTick = 100;
        var longest = 0L;
        try
        {
            // "time on a processor, time waiting for one, turns": the process's own file counts its first thread alone.
            foreach (var task in Directory.EnumerateDirectories($"/proc/{processId}/task"))
            {
                if (ReadAll(task + "/schedstat")?.Split(' ') is { Length: > 1 } words
                    && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var delay))
                {
                    longest = Math.Max(longest, delay);
                }
            }
        }
        catch (IOException)
        {
            // Gone.
        }
        return TimeSpan.FromTicks(longest / nanosecondsPerTick);
    }

    /// <summary>Children that have not been reaped, of all its threads.</summary>
    public static IReadOnlyList<int> Children(int processId)
    {
        var children = new List<int>();
        try
        {
            foreach (var task in Directory.EnumerateDirectories($"/proc/{processId}/task"))
            {
                if (ReadAll(task + "/children") is not { } text)
                    return ChildrenByScan(processId);
                foreach (var word in text.Split(' ',
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                    children.Add(int.Parse(word, CultureInfo.InvariantCulture));
            }
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        return children;
    }

    /// <summary>For kernels without CONFIG_PROC_CHILDREN.</summary>
    private static List<int> ChildrenByScan(int processId)
    {
        var children = new List<int>();
        foreach (var id in ProcessIds())
        {
            if (Stat(id) is { } stat && stat.ParentId == processId)
                children.Add(id);
        }
        return children;
    }

    public static IEnumerable<int> ProcessIds()
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture,
                out var id))
                yield return id;
        }
    }

    private static string? ReadAll(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            // ESRCH while reading, or the directory is gone: either way the process is.
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
