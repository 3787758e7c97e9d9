namespace Kata.Platform.Linux;

/// <summary>How a process ended.</summary>
/// <param name="Code">What it passed to <c>exit</c>; 0 if a signal ended it.</param>
/// <param name="Signal">The signal that ended it, or 0.</param>
public readonly record struct ProcessExit(int Code, int Signal)
{
    /// <summary>It ended, but its status went to somebody else.</summary>
    public static readonly ProcessExit Unknown = new(255, 0);

    /// <summary>One number as a shell says it: the code, or 128 and the signal.</summary>
    public int Status => Signal == 0 ? Code : 128 + Signal;

    public bool IsSuccess => Status == 0;

    /// <summary>In words, as part of a sentence.</summary>
    public override string ToString() => Signal != 0 ? $"signal {Signal}" : $"exit status {Code}";
}
