using System.Globalization;
using System.Text;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>Figures of the guest and the agent as Prometheus text. What cannot be read is left out.</summary>
internal static class GuestMetrics
{
    private static int _scrapes;

    public static string Render()
    {
        var text = new StringBuilder();
        Add(
            text, "kata_agent_scrape_count", "counter", "Metrics scrape count",
            [("", Interlocked.Increment(ref _scrapes))]);
        var status = ReadLines("/proc/self/status");
        Add(text, "kata_agent_threads", "gauge", "Agent threads", Pick(status, "Threads"));
        Add(text, "kata_agent_total_vm", "gauge", "Agent virtual memory in bytes", Scale(Pick(status, "VmSize")));
        Add(text, "kata_agent_total_rss", "gauge", "Agent resident memory in bytes", Scale(Pick(status, "VmRSS")));
        Add(text, "kata_agent_proc_status", "gauge", "Agent memory in kB", status
            .Where(
                line =>
                    line.StartsWith("Vm", StringComparison.Ordinal) || line.StartsWith("Rss", StringComparison.Ordinal))
            .SelectMany(line => Pair(line, label: true)));
        Add(
            text, "kata_guest_meminfo", "gauge", "Guest memory",
            Scale(ReadLines("/proc/meminfo").SelectMany(line => Pair(line, label: true))));
        Add(text, "kata_guest_load", "gauge", "Guest load", Load());
        return text.ToString();
    }

    private static void Add(
        StringBuilder text, string name, string type, string help, IEnumerable<(string Item, double Value)> values)
    {
        var any = false;
        foreach (var (item, value) in values)
        {
            if (!any)
            {
                text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
                any = true;
            }

            var label = item.Length > 0 ? $"{{item=\"{item}\"}}" : "";
            text.Append(CultureInfo.InvariantCulture, $"{name}{label} {value}\n");
        }
    }

    private static IEnumerable<(string, double)> Pick(IEnumerable<string> lines, string key) =>
        lines.Where(line => line.StartsWith(key + ":", StringComparison.Ordinal))
            .SelectMany(line => Pair(line, label: false));

    private static IEnumerable<(string, double)> Scale(IEnumerable<(string Item, double Value)> kilobytes) =>
        kilobytes.Select(pair => (pair.Item, pair.Value * 1024));

    private static IEnumerable<(string, double)> Pair(string line, bool label)
    {
        var words = line.Split((char[]?)[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length > 1 && double.TryParse(words[1], CultureInfo.InvariantCulture, out var value))
        {
            yield return (label ? words[0].TrimEnd(':').ToLowerInvariant() : "", value);
        }
    }

    private static IEnumerable<(string, double)> Load()
    {
        var words = ReadLines("/proc/loadavg").FirstOrDefault("").Split(' ');
        string[] names = ["load1", "load5", "load15"];
        return names.Zip(words).Select(
            pair =>
                (pair.First, double.TryParse(pair.Second, CultureInfo.InvariantCulture, out var value) ? value : 0));
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            return [];
        }
    }
}
