namespace Kata.Core.Application.Ports;

/// <summary>Figures of a container, from its cgroup in the guest. Bounded, not to be trusted.</summary>
public sealed record ContainerStats
{
    /// <summary>CPU.</summary>
    public CpuStats Cpu { get; init; } = new();

    /// <summary>Memory.</summary>
    public MemoryStats Memory { get; init; } = new();

    /// <summary>Processes now.</summary>
    public ulong Pids { get; init; }

    /// <summary>Processes at most; 0 for unlimited.</summary>
    public ulong PidsLimit { get; init; }

    /// <summary>Block devices.</summary>
    public IReadOnlyList<BlockIoStats> BlockIo { get; init; } = [];

    /// <summary>Huge pages.</summary>
    public IReadOnlyList<HugepageStats> Hugepages { get; init; } = [];

    /// <summary>Network links.</summary>
    public IReadOnlyList<LinkStats> Links { get; init; } = [];
}

/// <summary>CPU times in nanoseconds.</summary>
public sealed record CpuStats(
    ulong Total = 0, ulong User = 0, ulong System = 0, ulong Periods = 0, ulong ThrottledPeriods = 0,
    ulong ThrottledTime = 0);

/// <summary>Memory in bytes; <see cref="Details"/> has the guest's memory.stat by name.</summary>
public sealed record MemoryStats(
    ulong Usage = 0, ulong Limit = 0, ulong MaxUsage = 0, ulong SwapUsage = 0, ulong SwapLimit = 0,
    ulong OutOfMemoryKills = 0)
{
    /// <summary>The lines of memory.stat, bounded.</summary>
    public IReadOnlyDictionary<string, ulong> Details { get; init; } = new Dictionary<string, ulong>();
}

/// <summary>Bytes and operations of a block device.</summary>
public sealed record BlockIoStats(ulong Major, ulong Minor, string Operation, ulong Bytes, ulong Operations);

/// <summary>Huge pages of one size, in bytes.</summary>
public sealed record HugepageStats(string PageSize, ulong Usage, ulong MaxUsage, ulong FailureCount);

/// <summary>Counters of a network link.</summary>
public sealed record LinkStats(string Name, LinkCounters Received, LinkCounters Sent);

/// <summary>Counters of one direction of a network link.</summary>
public sealed record LinkCounters(ulong Bytes, ulong Packets, ulong Errors, ulong Dropped);
