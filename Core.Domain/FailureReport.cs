using System.Globalization;
using System.Text;

namespace Kata.Core.Domain;

/// <summary>One timed step of a start or a stop.</summary>
/// <param name="Name">The phase, such as <c>launch-vmm</c>.</param>
/// <param name="Elapsed">How long it took, or has taken so far.</param>
public sealed record PhaseTime(string Name, TimeSpan Elapsed);

/// <summary>Why a phase failed, with what a person needs to mend it.</summary>
public sealed record FailureReport
{
    /// <summary>What failed as a whole.</summary>
    public string What { get; init; } = "sandbox start";

    /// <summary>The phase that failed.</summary>
    public required string Phase { get; init; }

    /// <summary>Time from the begin of the whole until the failure.</summary>
    public required TimeSpan After { get; init; }

    /// <summary>The phases that had begun, in order.</summary>
    public IReadOnlyList<PhaseTime> Phases { get; init; } = [];

    /// <summary>How the VMM ended, if it did.</summary>
    public VmmEnd? Vmm { get; init; }

    /// <summary>Last lines of the VMM's standard error, bounded.</summary>
    public IReadOnlyList<string> VmmErrors { get; init; } = [];

    /// <summary>Last lines of the guest's console, bounded. Written by the guest: not to be trusted.</summary>
    public IReadOnlyList<string> Console { get; init; } = [];

    /// <summary>The likely cause and its fix, if one is known.</summary>
    public string? Hint { get; init; }

    /// <summary>One sentence for a terminal: phase, time, cause, last lines, what to do.</summary>
    public string Describe(string cause)
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture, $"{What} failed in phase {Phase} after {After.TotalSeconds:0.0} s: {cause}");
        if (Vmm is { } end)
            text.Append(CultureInfo.InvariantCulture, $"; the VMM ended with {end}");
        AppendLines(text, "VMM said", VmmErrors);
        AppendLines(text, "guest console", Console);
        if (Hint is not null)
            text.Append("; hint: ").Append(Hint);
        return text.ToString();
    }

    private static void AppendLines(StringBuilder text, string title, IReadOnlyList<string> lines)
    {
        if (lines.Count > 0)
            text.Append("; ").Append(title).Append(": ").AppendJoin(" | ", lines);
    }
}

/// <summary>How a VMM process ended: by exit code, or by signal.</summary>
public sealed record VmmEnd(int? ExitCode, int? Signal)
{
    /// <inheritdoc/>
    public override string ToString() => Signal is { } signal ? $"signal {signal}" : $"exit status {ExitCode ?? 255}";
}
