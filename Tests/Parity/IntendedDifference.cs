namespace Kata.Tests.Parity;

/// <summary>A fact that only one of two command lines has, and why that is meant.</summary>
/// <param name="IsOurs">Ours has it and upstream's does not; else the other way round.</param>
/// <param name="Pattern">The fact; with a star at the end, every fact that begins so.</param>
/// <param name="Reason">Why.</param>
internal sealed record IntendedDifference(bool IsOurs, string Pattern, string Reason)
{
    public static IntendedDifference Ours(string pattern, string reason) => new(true, pattern, reason);

    public static IntendedDifference Upstreams(string pattern, string reason) => new(false, pattern, reason);

    public bool Covers(bool isOurs, string fact) => isOurs == IsOurs
        && (Pattern.EndsWith('*') ? fact.StartsWith(Pattern[..^1], StringComparison.Ordinal) : fact == Pattern);
}
