using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Files;

/// <summary>One observation that is not the same with runc and with ours.</summary>
internal sealed record FileDifference(string Program, string Place, string Observation, string Runc, string Ours)
{
    /// <summary>What stands where one of the two made no such observation.</summary>
    public const string Nothing = "–";

    /// <summary>All differences between two reports.</summary>
    public static IEnumerable<FileDifference> Between(string program, string place, FileReport runc, FileReport ours) =>
        from name in runc.Outcomes.Keys.Union(ours.Outcomes.Keys)
        let one = runc.Outcomes.GetValueOrDefault(name, Nothing)
        let other = ours.Outcomes.GetValueOrDefault(name, Nothing)
        where one != other
        select new FileDifference(program, place, Cell(name), Cell(one), Cell(other));

    /// <summary>As a row of the table, without a reason.</summary>
    public string Row => $"| {Place} | {Program} | {Observation} | {Runc} | {Ours} | |";

    // A cell of the table holds no bar, and no blanks at its ends.
    private static string Cell(string text) => text.Replace('|', '/').Trim();
}

/// <summary>The differences that are known and have a reason: the table of <c>docs/FILES.md</c>.</summary>
internal static class FileDifferences
{
    private const string Heading = "## Differences";

    /// <summary>The cell that stands for each place that a program is run in.</summary>
    public const string EveryPlace = "all";

    /// <summary>The rows for one program in one place. A row may name several places, or all.</summary>
    public static IReadOnlyList<FileDifference> Known(string program, string place) =>
        [.. Rows().Where(r => r[1] == program && (r[0] == EveryPlace || r[0].Split(", ").Contains(place)))
            .Select(r => new FileDifference(program, place, r[2], r[3], r[4]))];

    /// <summary>All rows, each with its six cells.</summary>
    public static IReadOnlyList<string[]> Rows() =>
        [.. File.ReadAllLines(Path.Combine(Repository.Root, "docs", "FILES.md"))
            .SkipWhile(l => l != Heading).Skip(1).TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal))
            .Where(l => l.StartsWith('|')).Skip(2)
            .Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray())];
}
