using System.Text.RegularExpressions;
using Kata.Tests.Benchmarks.Reporting;
using Kata.Tests.Benchmarks.Ttrpc;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>The ttRPC library's own benchmark, its lines as rows.</summary>
internal static partial class TtrpcBenchmark
{
    public static async Task RunAsync(Report report, int rounds)
    {
        using var lines = new StringWriter();
        await TtrpcBenchmarks.RunAsync(lines, rounds);
        foreach (var line in lines.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = Gap().Split(line.Trim(), 2);
            report.Row(
                "ttrpc", parts[0], Gap().Replace(parts[^1], ", "),
                parts[0].Contains("1 in flight", StringComparison.Ordinal) ? "aim at most 3.5 x raw" : "");
        }
    }

    [GeneratedRegex(" {2,}")]
    private static partial Regex Gap();
}
