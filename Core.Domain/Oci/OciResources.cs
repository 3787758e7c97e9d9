using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Core.Domain.Oci;

/// <summary>Limits of a container.</summary>
public sealed record OciResources
{
    /// <summary>Device rules.</summary>
    public IReadOnlyList<OciDeviceRule> Devices { get; init => field = value ?? []; } = [];

    /// <summary>Memory.</summary>
    public OciMemory? Memory { get; init; }

    /// <summary>CPU.</summary>
    public OciCpu? Cpu { get; init; }

    /// <summary>Processes.</summary>
    public OciPids? Pids { get; init; }

    /// <summary>Huge pages.</summary>
    public IReadOnlyList<OciHugepageLimit> HugepageLimits { get; init => field = value ?? []; } = [];

    /// <summary>Files of cgroup v2 by name.</summary>
    public IReadOnlyDictionary<string, string> Unified
    {
        get;
        init => field = value ?? new Dictionary<string, string>();
    } = new Dictionary<string, string>();

    /// <summary>Fields that are not named here, such as blockIO and network.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; set; }
}

/// <summary>A rule of the device controller.</summary>
public sealed record OciDeviceRule
{
    /// <summary>Allow or deny.</summary>
    public bool Allow { get; init; }

    /// <summary>a, c or b.</summary>
    public string? Type { get; init; }

    /// <summary>Major number; absent for all.</summary>
    public long? Major { get; init; }

    /// <summary>Minor number; absent for all.</summary>
    public long? Minor { get; init; }

    /// <summary>Letters of r, w, m.</summary>
    public string? Access { get; init; }
}

/// <summary>Memory limits in bytes; -1 for unlimited.</summary>
public sealed record OciMemory
{
    /// <summary>Hard limit.</summary>
    public long? Limit { get; init; }

    /// <summary>Soft limit.</summary>
    public long? Reservation { get; init; }

    /// <summary>Memory and swap together.</summary>
    public long? Swap { get; init; }

    /// <summary>Kernel memory.</summary>
    public long? Kernel { get; init; }

    /// <summary>Kernel TCP buffers.</summary>
    [JsonPropertyName("kernelTCP")]
    public long? KernelTcp { get; init; }

    /// <summary>0 to 100.</summary>
    public ulong? Swappiness { get; init; }

    /// <summary>No OOM killer.</summary>
    [JsonPropertyName("disableOOMKiller")]
    public bool? DisableOomKiller { get; init; }
}

/// <summary>CPU limits.</summary>
public sealed record OciCpu
{
    /// <summary>Relative weight.</summary>
    public ulong? Shares { get; init; }

    /// <summary>Microseconds per period; negative for unlimited.</summary>
    public long? Quota { get; init; }

    /// <summary>Period in microseconds.</summary>
    public ulong? Period { get; init; }

    /// <summary>Real-time microseconds per period.</summary>
    public long? RealtimeRuntime { get; init; }

    /// <summary>Real-time period.</summary>
    public ulong? RealtimePeriod { get; init; }

    /// <summary>CPUs as a list of ranges.</summary>
    public string? Cpus { get; init; }

    /// <summary>Memory nodes as a list of ranges.</summary>
    public string? Mems { get; init; }
}

/// <summary>Process limit.</summary>
public sealed record OciPids
{
    /// <summary>At most; 0 or less for unlimited.</summary>
    public long Limit { get; init; }
}

/// <summary>Huge page limit.</summary>
public sealed record OciHugepageLimit
{
    /// <summary>Such as 2MB.</summary>
    public string PageSize { get; init => field = value ?? ""; } = "";

    /// <summary>Bytes.</summary>
    public ulong Limit { get; init; }
}
