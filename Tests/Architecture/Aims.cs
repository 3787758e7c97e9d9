using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>What the program aims at in figures, beside what the last whole <c>make bench</c> has measured.</summary>
internal static class Aims
{
    /// <summary>The table that <c>make bench</c> prints.</summary>
    public const string Figures = "docs/FIGURES.md";

    private static readonly Aim[] All =
    [
        new(
            "`start` no slower than containerd's runc shim",
            "start", "kata (ours): exec to address", @"^([\d.]+) of runc's", 1, "of it", Beside: true),
        new(
            "an idle shim at most 12 MB resident",
            "memory", "kata (ours): idle, alone", @"RSS ([\d.]+) MB", 12, "MB"),
        new(
            "an idle shim among ten at most 3.0 MB PSS",
            "memory", "kata (ours): idle, among 10", @"PSS ([\d.]+) MB", 3, "MB"),
        new(
            "start and our share of Create at most 40 ms of CPU",
            "create", "CPU of the server from its exec to Create's reply", @"^([\d.]+) ms", 40, "ms"),
        new(
            "a ttRPC round trip, one in flight, at most 3.5 times a raw one",
            "ttrpc", "ttrpc, Async, handlers on the pool, 1 in flight", @"([\d.]+) x raw", 3.5, "times"),
        new(
            "the agent at most 8 MB resident",
            "boot", "agent in the guest, resident", @"^([\d.]+) MB", 8, "MB"),
        new(
            "initrd at most 10 MB",
            "sizes", "initrd", @"^([\d.]+) MB", 10, "MB"),
        new(
            "the quick boot at most 0.7 of the naive one",
            "boot", "exec of the VMM to the agent's first answer, quick", @"^([\d.]+) of the naive", 0.7, "of it", Beside: true),
    ];

    /// <summary>The aims with their figures as rows of a Markdown table.</summary>
    public static string Table(string figures)
    {
        var text = new StringBuilder("| Aim | Last figure | |\n|---|---|---|\n");
        foreach (var aim in All)
        {
            var figure = aim.Read(figures);
            var fate = figure <= aim.Limit ? "met" : "missed";
            text.Append(CultureInfo.InvariantCulture, $"| {aim.What} | {figure:0.##} {aim.Unit} | {fate} |\n");
        }

        return text.ToString();
    }

    /// <summary>One sentence that names the aims that are missed.</summary>
    public static string Sentence(string figures)
    {
        var missed = All.Where(aim => aim.Read(figures) > aim.Limit).Select(aim => aim.What).ToList();
        return missed.Count == 0
            ? $"All {All.Length} aims are met."
            : $"Of {All.Length} aims {All.Length - missed.Count} are met; missed: {string.Join("; ", missed)}.";
    }

    /// <summary>The page with the text between two marks replaced; the page must have the marks.</summary>
    public static string Fill(string page, string name, string text)
    {
        var mark = Regex.Match(page, $@"(<!-- {name} -->\n).*?(<!-- /{name} -->)", RegexOptions.Singleline);
        return mark.Success
            ? $"{page[..mark.Index]}{mark.Groups[1].Value}{text}{mark.Groups[2].Value}{page[(mark.Index + mark.Length)..]}"
            : throw new InvalidOperationException($"the page has no {name}");
    }

    private sealed record Aim(
        string What, string Part, string Row, string Figure, double Limit, string Unit, bool Beside = false)
    {
        /// <summary>The figure in the table of a bench; a failure that names the row if it is not there.</summary>
        public double Read(string figures)
        {
            var cells = figures.Split('\n').Select(line => line.Split('|', StringSplitOptions.TrimEntries))
                .FirstOrDefault(cells => cells.Length > 4 && cells[1] == Part && cells[2] == Row)
                ?? throw new InvalidOperationException($"{Figures} has no row {Part}, {Row}");
            var match = Regex.Match(cells[Beside ? 4 : 3], Figure);
            return match.Success
                ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
                : throw new InvalidOperationException($"{Figures} has no {Figure} in the row {Part}, {Row}");
        }
    }
}
