using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Ports;

/// <summary>Reads the timelines that <see cref="ISandboxStore.WritePhase"/> has written, of any sandbox.</summary>
public interface ITimelines
{
    /// <summary>
    /// The lines of a sandbox's timeline in the order in which they were written; null if there is none. A line that
    /// was cut off by a crash is left out.
    /// </summary>
    Task<IReadOnlyList<TimelineLine>?> ReadAsync(SandboxId id, CancellationToken ct);
}

/// <summary>A phase of a container's creation begins or ends.</summary>
/// <param name="Container">Its id; empty in timelines that name none.</param>
/// <param name="Phase">The phase.</param>
/// <param name="IsEnd">It ends.</param>
/// <param name="At">Since the creation began.</param>
public sealed record TimelineLine(string Container, string Phase, bool IsEnd, TimeSpan At);
