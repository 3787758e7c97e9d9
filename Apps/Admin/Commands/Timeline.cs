using System.Globalization;
using System.Text.Json;

namespace Kata.Apps.Admin.Commands;

/// <summary>
/// A sandbox's timeline as bars: one picture for each container, since each creation counts from its own begin. A
/// container whose id has come again is drawn as it was created last.
/// </summary>
internal static class Timeline
{
    private const int Width = 50;

    /// <summary>The pictures, line by line.</summary>
    /// <param name="lines">Of the timeline's file.</param>
    public static IEnumerable<string> Draw(IEnumerable<string> lines)
    {
        var creations = new Dictionary<string, List<(string Name, double Begin, double End)>>(StringComparer.Ordinal);
        foreach (var line in lines)
            Read(line, creations);

        foreach (var (container, phases) in creations)
        {
            if (container.Length > 0)
                yield return $"container {container}";
            var end = Math.Max(1, phases.Max(p => p.End));
            foreach (var (name, begin, until) in phases)
            {
                var from = (int)(begin / end * Width);
                var length = Math.Max(1, (int)((until - begin) / end * Width));
                var bar = new string(' ', from) + new string('#', length);
                yield return string.Create(
                    CultureInfo.InvariantCulture, $"{name,-16} {bar.PadRight(Width)} {until - begin,9:0.0} ms");
            }
        }
    }

    private static void Read(string line, Dictionary<string, List<(string Name, double Begin, double End)>> creations)
    {
        using var entry = JsonDocument.Parse(line);
        var name = Text(entry, "phase");
        var at = entry.RootElement.TryGetProperty("ms", out var ms) ? ms.GetDouble() : 0;
        var container = Text(entry, "container");
        if (!creations.TryGetValue(container, out var phases))
            creations[container] = phases = [];

        var known = phases.FindIndex(p => p.Name == name);
        if (Text(entry, "event") == "end")
        {
            if (known >= 0)
                phases[known] = phases[known] with { End = at };
            return;
        }

        // A phase that begins again belongs to the container's next life.
        if (known >= 0)
            phases.Clear();
        phases.Add((name, at, at));
    }

    private static string Text(JsonDocument entry, string property) =>
        entry.RootElement.TryGetProperty(property, out var value) ? value.GetString() ?? "" : "";
}
