using System.Diagnostics;
using System.Globalization;

namespace Kata.Tests.Benchmarks.Reporting;

/// <summary>A Markdown table on one stream, row by row as figures come, and progress on another.</summary>
internal sealed class Report(TextWriter output, TextWriter progress)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>The head of the table.</summary>
    public void Begin()
    {
        output.WriteLine($"Load average at the beginning: {Load()}; {Environment.ProcessorCount} processors.");
        output.WriteLine();
        output.WriteLine("| part | what | median (min..max) | beside it |");
        output.WriteLine("|---|---|---|---|");
    }

    /// <summary>What follows the table.</summary>
    public void End()
    {
        output.WriteLine();
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Load average at the end: {Load()}; took {_clock.Elapsed.TotalSeconds:0} s."));
    }

    /// <summary>A line for whoever waits.</summary>
    public void Progress(string line) =>
        progress.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"[{_clock.Elapsed.TotalSeconds,4:0} s] {line}"));

    /// <summary>A row.</summary>
    public void Row(string part, string what, string value, string beside)
    {
        output.WriteLine($"| {part} | {Cell(what)} | {Cell(value)} | {Cell(beside)} |");
        output.Flush();
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    private static string Load() => string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3]);
}
