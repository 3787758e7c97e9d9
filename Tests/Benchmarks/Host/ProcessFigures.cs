using System.Globalization;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>What the kernel says of a process.</summary>
internal static class ProcessFigures
{
    /// <summary>Resident set and its proportional share, in MB.</summary>
    public static (double Rss, double Pss) Memory(int pid)
    {
        double rss = 0, pss = 0;
        foreach (var line in File.ReadLines($"/proc/{pid}/smaps_rollup"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal))
                rss = Kilobytes(line) / 1024;
            else if (line.StartsWith("Pss:", StringComparison.Ordinal))
                pss = Kilobytes(line) / 1024;
        }

        return (rss, pss);
    }

    /// <summary>Proportional share of a process and all that it started, in MB.</summary>
    public static double TreePss(int pid)
    {
        var children = new Dictionary<int, List<int>>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var child))
                continue;
            try
            {
                var stat = File.ReadAllText($"{directory}/stat");
                var parent = int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
                (children.TryGetValue(parent, out var known) ? known : children[parent] = []).Add(child);
            }
            catch (IOException)
            {
                // Gone meanwhile.
            }
        }

        return Sum(pid);

        double Sum(int root) => Memory(root).Pss + children.GetValueOrDefault(root, []).Sum(Sum);
    }

    /// <summary>CPU time of the threads that it has now, in ms; finer than the ticks of <c>stat</c>.</summary>
    public static double Cpu(int pid) => Directory.EnumerateDirectories($"/proc/{pid}/task")
        .Sum(task => double.Parse(File.ReadAllText($"{task}/schedstat").Split(' ')[0],
            CultureInfo.InvariantCulture)) / 1e6;

    /// <summary>CPU time of the children of this process that have ended, in ms, in ticks of 10.</summary>
    public static double EndedChildrenCpu()
    {
        var text = File.ReadAllText("/proc/self/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return 10.0 * (
            long.Parse(fields[13], CultureInfo.InvariantCulture) + long.Parse(
                fields[14], CultureInfo.InvariantCulture));
    }

    private static double Kilobytes(string line) =>
        double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
