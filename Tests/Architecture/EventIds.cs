using System.Globalization;
using System.Text.RegularExpressions;

namespace Kata.Tests.Architecture;

/// <summary>The event ids of log messages: each means one thing, and lies in the range that its class claims.</summary>
internal static partial class EventIds
{
    /// <summary>What is wrong with the ids in sources.</summary>
    /// <param name="sources">Paths and texts.</param>
    public static IEnumerable<string> Complaints(IReadOnlyCollection<(string Path, string Text)> sources)
    {
        var ids = new Dictionary<int, string>();
        var ranges = new List<(int First, int Last, string Path)>();
        foreach (var (path, text) in sources)
        {
            if (!Message().IsMatch(text))
                continue;
            if (Range().Match(text) is not { Success: true } claim)
            {
                yield return $"{path} claims no range of event ids";
                continue;
            }

            var range = (First: Number(claim.Groups[1]), Last: Number(claim.Groups[2]), path);
            foreach (var other in ranges.Where(other => other.First <= range.Last && range.First <= other.Last))
                yield return $"{path} claims {range.First} to {range.Last}, of which {other.Path} has a part";
            ranges.Add(range);
            foreach (Match message in Message().Matches(text))
            {
                var id = Number(message.Groups[1]);
                if (id < range.First || id > range.Last)
                    yield return $"{path} has {id}, which is not between {range.First} and {range.Last}";
                if (!ids.TryAdd(id, path))
                    yield return $"{path} has {id}, which {ids[id]} has too";
            }
        }
    }

    /// <summary>How many messages there are in a text.</summary>
    public static int Count(string text) => Message().Count(text);

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\[LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex Message();

    [GeneratedRegex(@"Event ids (\d+) to (\d+)\.")]
    private static partial Regex Range();
}
