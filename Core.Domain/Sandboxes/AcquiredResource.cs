using Kata.Core.Domain.Containers;

namespace Kata.Core.Domain.Sandboxes;

/// <summary>The kinds of things that a sandbox takes from the host.</summary>
public enum ResourceKind
{
    /// <summary>
    /// A child process; <see cref="AcquiredResource.Name"/> is what it is, with pid and start time once known.
    /// </summary>
    Process,

    /// <summary>A mount point; the path is its target.</summary>
    Mount,

    /// <summary>A tap device.</summary>
    Tap,

    /// <summary>A queueing discipline on a link.</summary>
    Qdisc,

    /// <summary>A cgroup directory.</summary>
    Cgroup,

    /// <summary>A directory with what we put into it.</summary>
    Directory,

    /// <summary>A socket or other single file.</summary>
    SocketFile,

    /// <summary>A network namespace made for the sandbox.</summary>
    NetworkNamespace,
}

/// <summary>
/// One thing taken from the host, written down before it is taken. Release is idempotent: already gone is success.
/// </summary>
/// <param name="Kind">What it is, which says how it is released.</param>
/// <param name="Name">A path, or for a process its role.</param>
public sealed record AcquiredResource(ResourceKind Kind, string Name)
{
    /// <summary>The container it belongs to; null if it is the sandbox's.</summary>
    public ContainerId? Owner { get; init; }

    /// <summary>The pid of a process, 0 while it is not known.</summary>
    public int ProcessId { get; init; }

    /// <summary>Start time of that pid in clock ticks since boot, so that a reused pid is never killed.</summary>
    public ulong StartTime { get; init; }

    /// <summary>True if both speak of the same thing, whatever is known of its pid.</summary>
    public bool IsSameThing(AcquiredResource other) => Kind == other.Kind && Name == other.Name && Owner == other.Owner;
}
