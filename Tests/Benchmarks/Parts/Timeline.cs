using System.Text.Json.Nodes;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>The phases of one start as our shim wrote them down; ms since the arrival of Create.</summary>
internal sealed class Timeline
{
    private readonly Dictionary<string, (double Begin, double End)> _phases = [];

    /// <summary>Reads the state directory's file.</summary>
    public static Timeline Read(string sandbox)
    {
        var timeline = new Timeline();
        foreach (var line in File.ReadLines($"/run/vc/sbs/{sandbox}/timeline.jsonl"))
        {
            var entry = JsonNode.Parse(line)!;
            var phase = (string)entry["phase"]!;
            var ms = (double?)entry["ms"] ?? 0;
            timeline._phases[phase] = (string)entry["event"]! == "begin"
                ? (ms, double.NaN)
                : (timeline._phases.TryGetValue(phase, out var known) ? known.Begin : 0, ms);
        }

        return timeline;
    }

    /// <summary>The phases in the order of their begins.</summary>
    public IEnumerable<string> Names => _phases.OrderBy(phase => phase.Value.Begin).Select(phase => phase.Key);

    /// <summary>When a phase began.</summary>
    public double Begin(string phase) => _phases[phase].Begin;

    /// <summary>When a phase ended.</summary>
    public double End(string phase) => _phases[phase].End;

    /// <summary>How long it took; nothing for one that did not come.</summary>
    public double Took(string phase) => _phases.TryGetValue(phase, out var times) ? times.End - times.Begin : 0;
}
