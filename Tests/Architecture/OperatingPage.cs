using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>
/// Prints docs/OPERATING.md: the keys from the configuration file as shipped, the annotations and the messages of the
/// log from the sources, and what to do about each warning and error.
/// </summary>
internal static partial class OperatingPage
{
    public const string Path = "docs/OPERATING.md";

    /// <summary>The messages of the log, by their number.</summary>
    public static IReadOnlyList<LogMessage> Messages { get; } =
    [
        .. Repository.Files("", ".cs").Where(path => !path.StartsWith("Tests/", StringComparison.Ordinal))
            .SelectMany(path => Message().Matches(Repository.Read(path)).Select(Read))
            .OrderBy(message => message.Id),
    ];

    public static string Print()
    {
        var text = new StringBuilder();
        text.Append("""
            # Operating

            Printed from the configuration file, the sources and `OperatingAdvice.cs`; a test fails if this page differs from them.

            First looks: `kata-runtime check` says what this host lacks, `kata-runtime list` which sandboxes there are,
            `kata-runtime timeline ID` where a start spent its time, `kata-runtime reap --dry-run` what dead shims left. A shim writes to
            the log of its container manager; `[runtime] enable_debug = true` has it write more.

            ## Configuration

            `/etc/kata-containers/configuration.toml`, else `/usr/share/defaults/kata-containers/configuration.toml`. A key that is not
            known is an error that names the nearest one.

            | Key | As shipped | |
            |---|---|---|

            """);
        foreach (var (key, value, about) in Keys())
            text.Append(CultureInfo.InvariantCulture, $"| `{key}` | `{value}` | {Cell(about)} |\n");
        text.Append("""

            ## Annotations of pods

            They count if the operator's `enable_annotations` names their last word, or if they only narrow what is set; else the pod is
            refused by name. Each begins with `io.katacontainers.config.`.

            | Annotation | Key | Value |
            |---|---|---|

            """);
        foreach (Match known in Annotation().Matches(
            Repository.Read("Adapters.Shimv2/Configuration/SettingsAnnotations.cs")))
            text.Append(
                CultureInfo.InvariantCulture,
                $"| `{known.Groups[1].Value}` | `{known.Groups[2].Value}` | {Form(known.Groups[3].Value)} |\n");
        text.Append("""

            ## Messages

            Warnings and errors, with what to do. What stands in braces is filled in.

            | | Message | What to do |
            |---|---|---|

            """);
        foreach (var message in Messages.Where(message => message.NeedsAdvice))
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {message.Id} {message.Level.ToLowerInvariant()} | {Cell(message.Text)} | "
                + $"{Cell(OperatingAdvice.Of.GetValueOrDefault(message.Id, ""))} |\n");
        return text.ToString();
    }

    /// <summary>Every key of the file with its value and the comment right above it; a group's is with its first.</summary>
    private static IEnumerable<(string Key, string Value, string About)> Keys()
    {
        var (table, comment) = ("", new List<string>());
        foreach (var line in Repository.Read("Apps/Shim/packaging/configuration.toml").Split('\n'))
        {
            if (Table().Match(line) is { Success: true } begin)
                (table, comment) = (begin.Groups[1].Value, []);
            else if (Key().Match(line) is { Success: true } key)
            {
                yield return (
                    $"{table}.{key.Groups["name"].Value}", key.Groups["value"].Value, string.Join(' ', comment));
                comment = [];
            }
            else if (line.StartsWith("# ", StringComparison.Ordinal))
                comment.Add(line[2..]);
            else
                comment = [];
        }
    }

    private static LogMessage Read(Match message) => new(
        int.Parse(message.Groups[1].Value, CultureInfo.InvariantCulture),
        message.Groups[2].Value,
        string.Concat(Quoted().Matches(message.Groups[3].Value).Select(part => part.Groups[1].Value)));

    private static string Form(string form) => form switch
    {
        "Whole" => "a whole number",
        "Number" => "a number",
        "Switch" => "true or false",
        "Words" => "words, added to those that are set",
        "List" => "texts, separated by semicolons, added to those that are set",
        _ => "a text",
    };

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);

    [GeneratedRegex(
        @"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+),\s*LogLevel\.(\w+),\s*((?:""(?:[^""\\]|\\.)*""\s*\+?\s*)+)\)\]")]
    private static partial Regex Message();

    [GeneratedRegex(@"""((?:[^""\\]|\\.)*)""")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\(""(\w+\.\w+)"", ""(\w+)"", Form\.(\w+)\)")]
    private static partial Regex Annotation();

    [GeneratedRegex(@"^\[(.+)\]$")]
    private static partial Regex Table();

    [GeneratedRegex(@"^(# )?(?<name>[a-z_]+) = (?<value>\S.*)$")]
    private static partial Regex Key();
}

/// <summary>A message of the log.</summary>
internal sealed record LogMessage(int Id, string Level, string Text)
{
    /// <summary>An operator who reads it will want to know what to do.</summary>
    public bool NeedsAdvice => Level is "Warning" or "Error";
}
