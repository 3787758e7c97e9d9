namespace Kata.Platform.Linux;

/// <summary>
/// Where and as whom a program runs. Such a program is started through our own binary's <c>spawn</c> verb, which
/// enters these places and becomes the program, under the same pid.
/// </summary>
public sealed record SpawnPlacement
{
    /// <summary>Path of a network namespace.</summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>Cgroup directories to join: one in v2, one per hierarchy in v1.</summary>
    public IReadOnlyList<string> Cgroups { get; init; } = [];

    public uint? UserId { get; init; }

    public uint? GroupId { get; init; }

    /// <summary>Supplementary groups. Null keeps ours unless an id changes, which clears them.</summary>
    public IReadOnlyList<uint>? SupplementaryGroups { get; init; }

    public IReadOnlyList<ResourceLimit> Limits { get; init; } = [];

    /// <summary>
    /// Set if we may: lowering it takes CAP_SYS_RESOURCE, and without it the program starts all the same.
    /// </summary>
    public int? OomScoreAdjustment { get; init; }

    /// <summary>Sent to the program when our process ends.</summary>
    public int? ParentDeathSignal { get; init; }
}

/// <summary>A resource limit. <see cref="ulong.MaxValue"/> is none.</summary>
public readonly record struct ResourceLimit(Rlimit Resource, ulong Soft, ulong Hard);

/// <summary>Resources of <c>setrlimit(2)</c>, by their kernel names less RLIMIT_, and numbers.</summary>
public enum Rlimit
{
    CPU = 0,
    FSIZE = 1,
    DATA = 2,
    STACK = 3,
    CORE = 4,
    RSS = 5,
    NPROC = 6,
    NOFILE = 7,
    MEMLOCK = 8,
    AS = 9,
    LOCKS = 10,
    SIGPENDING = 11,
    MSGQUEUE = 12,
    NICE = 13,
    RTPRIO = 14,
    RTTIME = 15,
}
