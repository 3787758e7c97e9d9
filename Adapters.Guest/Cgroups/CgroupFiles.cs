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
            if (!File.Exists(own) || File.Exists($"{directory}/cgroup.controllers") || File.ReadAllText(own).Trim().Length > 0)
                continue;
            File.WriteAllText(own, File.ReadAllText($"{Path.GetDirectoryName(directory)}/{name}"));
        }
    }

    /// <summary>Writes a value where the controller is there and the value is.</summary>
    public static void WriteIfPresent(string path, string? value)
    {
        if (!string.IsNullOrEmpty(value) && File.Exists(path))
            File.WriteAllText(path, value);
    }
}
