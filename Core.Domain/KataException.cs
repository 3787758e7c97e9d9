namespace Kata.Core.Domain;

/// <summary>
/// The one exception of the core: a kind that a caller can act on, a sentence that a person can read, and the cause.
/// </summary>
public sealed class KataException(ErrorKind kind, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>What the caller can do about it.</summary>
    public ErrorKind Kind { get; } = kind;

    /// <summary>Present when a phase of a sandbox's life failed.</summary>
    public FailureReport? Report { get; init; }
}
