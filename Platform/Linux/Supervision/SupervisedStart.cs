namespace Kata.Platform.Linux.Supervision;

/// <summary>How to start a <see cref="SupervisedProcess"/>.</summary>
public sealed record SupervisedStart
{
    /// <summary>The program's path.</summary>
    public required string Program { get; init; }

    /// <summary>What follows argv[0].</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Where it runs. It is killed when we end, whatever this says.</summary>
    public SpawnPlacement Placement { get; init; } = new();

    /// <summary>
    /// Writes it down, given pid and start time: zeros before it exists, then once more with what it has. What this
    /// throws keeps it from running.
    /// </summary>
    public required Action<int, long> Record { get; init; }

    /// <summary>Strikes it out, when it has been reaped or could not be started. Never fails.</summary>
    public required Action Forget { get; init; }

    /// <summary>What is kept of its standard output.</summary>
    public TextTail Output { get; init; } = new();

    /// <summary>What is kept of its standard error; the same as <see cref="Output"/> for both in one.</summary>
    public TextTail Errors { get; init; } = new(maxBytes: 16 * 1024);
}

/// <summary>How a supervised process ended.</summary>
/// <param name="Exit">Its exit.</param>
/// <param name="At">When that was seen.</param>
public sealed record SupervisedExit(ProcessExit Exit, DateTimeOffset At);
