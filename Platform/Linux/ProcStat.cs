using System.Globalization;

namespace Kata.Platform.Linux;

/// <summary>The fields of <c>/proc/PID/stat</c> that identify a process and say how it is.</summary>
public readonly record struct ProcStat(
    int ProcessId, string Comm, char State, int ParentId, int GroupId, int SessionId, long StartTime)
{
    /// <summary>The name may hold spaces and parentheses; the last closing one ends it.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ProcStat stat)
    {
        stat = default;
        var open = text.IndexOf('(');
        var close = text.LastIndexOf(')');
        if (open < 1 || close < open || close + 2 > text.Length)
            return false;

        // Field 3 is the first after the name.
        Span<Range> fields = stackalloc Range[24];
        var rest = text[(close + 1)..].Trim();
        var count = rest.Split(fields, ' ');
        if (count < 20 || rest[fields[0]].Length != 1)
            return false;
        if (!int.TryParse(text[..open].Trim(), CultureInfo.InvariantCulture, out var id)
            || !int.TryParse(rest[fields[1]], CultureInfo.InvariantCulture, out var parent)
            || !int.TryParse(rest[fields[2]], CultureInfo.InvariantCulture, out var group)
            || !int.TryParse(rest[fields[3]], CultureInfo.InvariantCulture, out var session)
            || !long.TryParse(rest[fields[19]], CultureInfo.InvariantCulture, out var start))
            return false;
        stat = new ProcStat(id, text[(open + 1)..close].ToString(), rest[fields[0]][0], parent, group, session, start);
        return true;
    }
}
