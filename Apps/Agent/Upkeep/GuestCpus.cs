using System.Globalization;

namespace Kata.Apps.Agent.Upkeep;

/// <summary>The guest's processors: booted with one, given the others when somebody needs them.</summary>
internal static class GuestCpus
{
    private const string Directory = "/sys/devices/system/cpu";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Completes when <paramref name="wanted"/> processors are online; hot-added ones may appear meanwhile.
    /// </summary>
    public static async Task BringOnlineAsync(uint wanted, CancellationToken cancellation)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            var missing = (int)wanted - OnlineCount();
            if (missing <= 0)
            {
                return;
            }

            try
            {
                BringOnline(Directory, "cpu", missing);
            }
            catch (IOException) when (waited < Limit)
            {
                // One that is just being hot-plugged.
            }

            if (OnlineCount() >= wanted)
            {
                return;
            }

            if (waited >= Limit)
            {
                throw AgentRefusals.Internal(
                    $"{OnlineCount()} of {wanted} processors are online after {Limit.TotalSeconds} s");
            }

            await Task.Delay(Pause, cancellation);
        }
    }

    public static int OnlineCount() => CountRanges(File.ReadAllText(Directory + "/online"));

    /// <summary>How many numbers a list such as <c>0-2,5</c> names.</summary>
    public static int CountRanges(string list)
    {
        var count = 0;
        foreach (var range in list.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            if (int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var last)
                && last >= first)
            {
                count += last - first + 1;
            }
        }

        return count;
    }

    /// <summary>Writes 1 to the <c>online</c> files of a directory's numbered entries, at most so many times.</summary>
    internal static void BringOnline(string directory, string prefix, int limit)
    {
        var entries = new DirectoryInfo(directory).EnumerateDirectories(prefix + "*")
            .Where(
                entry =>
                    entry.Name.Length > prefix.Length
                        && entry.Name.AsSpan(prefix.Length).IndexOfAnyExceptInRange('0', '9') < 0)
            .OrderBy(entry => entry.Name.Length).ThenBy(entry => entry.Name, StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            // The first processor has no such file on most machines: it is always online.
            var file = Path.Combine(entry.FullName, "online");
            if (limit > 0 && File.Exists(file) && File.ReadAllText(file).Trim() == "0")
            {
                File.WriteAllText(file, "1");
                limit--;
            }
        }
    }
}
