using System.Globalization;

namespace Kata.Apps.Agent.Cgroups;

/// <summary>Parsers for the few text shapes of cgroup v2's files. What is not understood is passed over.</summary>
internal static class CgroupFile
{
    /// <summary><c>name value</c> on each line, as in <c>memory.stat</c> and <c>cpu.stat</c>.</summary>
    public static Dictionary<string, ulong> ParseFlatKeyed(string text)
    {
        var values = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space > 0 && TryParse(line[(space + 1)..], out var value))
            {
                values[line[..space]] = value;
            }
        }

        return values;
    }

    /// <summary>One number, where <c>max</c> (no limit) gives <paramref name="unlimited"/>.</summary>
    public static ulong ParseSingle(string text, ulong unlimited)
    {
        var trimmed = text.Trim();
        return TryParse(trimmed, out var value) ? value : trimmed == "max" ? unlimited : 0;
    }

    /// <summary>The lines of <c>io.stat</c>: <c>8:0 rbytes=1 wbytes=2 rios=3 …</c>.</summary>
    public static IReadOnlyList<IoStatValue> ParseIoStat(string text)
    {
        var values = new List<IoStatValue>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var device = words[0].Split(':');
            if (device.Length != 2 || !TryParse(device[0], out var major) || !TryParse(device[1], out var minor))
            {
                continue;
            }

            foreach (var word in words.AsSpan(1))
            {
                var separator = word.IndexOf('=', StringComparison.Ordinal);
                if (separator > 0 && TryParse(word[(separator + 1)..], out var value))
                {
                    values.Add(new IoStatValue(major, minor, word[..separator], value));
                }
            }
        }

        return values;
    }

    private static bool TryParse(string text, out ulong value) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}

/// <summary>One figure of one block device.</summary>
internal sealed record IoStatValue(ulong Major, ulong Minor, string Name, ulong Value);
