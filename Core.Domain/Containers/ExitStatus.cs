namespace Kata.Core.Domain.Containers;

/// <summary>How and when a process ended. The code is 0 to 255; death by signal n is 128 + n.</summary>
public sealed record ExitStatus(int Code, DateTimeOffset At)
{
    /// <summary>The code of a process that died with its machine.</summary>
    public const int Killed = 137;

    /// <summary>The code where the true one is not known.</summary>
    public const int Unknown = 255;
}
