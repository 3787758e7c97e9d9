using System.Globalization;

namespace Kata.Adapters.Guest.Cgroups;

/// <summary>Small files of cgroup directories.</summary>
internal static class CgroupFiles
{
    /// <summary>Where this process is: path by controller, the unified hierarchy under the empty name.</summary>
    public static IReadOnlyDictionary<string, string> Current()
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in File.ReadAllLines("/proc/self/cgroup"))
        {
            var fields = line.Split(':', 3);
            if (fields.Length < 3)
                continue;
            foreach (var controller in fields[1].Split(','))
                found.TryAdd(controller, fields[2]);
        }

        return found;
    }

    /// <summary>A new v1 cpuset has no CPUs and takes no process until it has its parent's.</summary>
    public static void InheritCpuset(string directory)
    {
        foreach (var name in (ReadOnlySpan<string>)["cpuset.cpus", "cpuset.mems"])
        {
            var own = $"{directory}/{name}";
            if (!File.Exists(own) || File.Exists($"{directory}/cgroup.controllers")
                || File.ReadAllText(own).Trim().Length > 0)
                continue;
            File.WriteAllText(own, File.ReadAllText($"{Path.GetDirectoryName(directory)}/{name}"));
        }
    }

    /// <summary>
    /// In the unified hierarchy a cgroup has a cpuset once all around it hand that controller down. Where somebody's
    /// processes stand in the way it has none.
    /// </summary>
    public static void EnableCpuset(string directory)
    {
        if (!File.Exists($"{directory}/cgroup.controllers") || File.Exists($"{directory}/cpuset.cpus"))
            return;
        var parents = new Stack<string>();
        for (var parent = Path.GetDirectoryName(directory);
            parent is not null
                && File.Exists($"{parent}/cgroup.subtree_control"); parent = Path.GetDirectoryName(parent))
            parents.Push(parent);
        foreach (var parent in parents)
        {
            try
            {
                if (!File.ReadAllText($"{parent}/cgroup.subtree_control").Contains("cpuset", StringComparison.Ordinal))
                    File.WriteAllText($"{parent}/cgroup.subtree_control", "+cpuset");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return;
            }
        }
    }

    /// <summary>The lowest memory limit of a directory and those around it; null if none has one.</summary>
    public static long? MemoryLimit(string directory)
    {
        long? lowest = null;
        for (var path = directory; path is { Length: > 1 }; path = Path.GetDirectoryName(path))
        {
            foreach (var name in (ReadOnlySpan<string>)["memory.max", "memory.limit_in_bytes"])
            {
                // Version 1 writes a number of the size of the address space for no limit.
                if (Read($"{path}/{name}") is { } text
                    && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
                    && limit < long.MaxValue / 2)
                    lowest = Math.Min(lowest ?? limit, limit);
            }
        }

        return lowest;
    }

    private static string? Read(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Writes a value where the controller is there and the value is.</summary>
    public static void WriteIfPresent(string path, string? value)
    {
        if (!string.IsNullOrEmpty(value) && File.Exists(path))
            File.WriteAllText(path, value);
    }
}
