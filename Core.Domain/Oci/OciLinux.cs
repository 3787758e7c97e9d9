using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Core.Domain.Oci;

/// <summary>The Linux part of a specification.</summary>
public sealed record OciLinux
{
    /// <summary>User id mappings.</summary>
    public IReadOnlyList<OciIdMapping> UidMappings { get; init => field = value ?? []; } = [];

    /// <summary>Group id mappings.</summary>
    public IReadOnlyList<OciIdMapping> GidMappings { get; init => field = value ?? []; } = [];

    /// <summary>Kernel parameters inside.</summary>
    public IReadOnlyDictionary<string, string> Sysctl
    {
        get;
        init => field = value ?? new Dictionary<string, string>();
    } = new Dictionary<string, string>();

    /// <summary>Limits.</summary>
    public OciResources? Resources { get; init; }

    /// <summary>cgroup path, or slice:prefix:name.</summary>
    public string? CgroupsPath { get; init; }

    /// <summary>Namespaces.</summary>
    public IReadOnlyList<OciNamespace> Namespaces { get; init => field = value ?? []; } = [];

    /// <summary>True if users inside are to be others than outside.</summary>
    [JsonIgnore]
    public bool HasUserNamespace =>
        UidMappings.Count > 0 || GidMappings.Count > 0 || Namespaces.Any(space => space.Type == "user");

    /// <summary>Device nodes.</summary>
    public IReadOnlyList<OciDevice> Devices { get; init => field = value ?? []; } = [];

    /// <summary>System call filter.</summary>
    public OciSeccomp? Seccomp { get; init; }

    /// <summary>Propagation of the root mount.</summary>
    public string? RootfsPropagation { get; init; }

    /// <summary>Hidden paths.</summary>
    public IReadOnlyList<string> MaskedPaths { get; init => field = value ?? []; } = [];

    /// <summary>Read-only paths.</summary>
    public IReadOnlyList<string> ReadonlyPaths { get; init => field = value ?? []; } = [];

    /// <summary>SELinux label of mounts.</summary>
    public string? MountLabel { get; init; }

    /// <summary>Fields that are not named here.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; set; }
}

/// <summary>An id mapping.</summary>
public sealed record OciIdMapping
{
    /// <summary>First id inside.</summary>
    [JsonPropertyName("containerID")]
    public uint ContainerId { get; init; }

    /// <summary>First id outside.</summary>
    [JsonPropertyName("hostID")]
    public uint HostId { get; init; }

    /// <summary>How many.</summary>
    public uint Size { get; init; }
}

/// <summary>A namespace: made new, or joined by its path.</summary>
public sealed record OciNamespace
{
    /// <summary>Kind: pid, network, mount, ipc, uts, user, cgroup, time.</summary>
    public string Type { get; init => field = value ?? ""; } = "";

    /// <summary>Path of one to join.</summary>
    public string? Path { get; init; }
}

/// <summary>A device node.</summary>
public sealed record OciDevice
{
    /// <summary>Path inside.</summary>
    public string Path { get; init => field = value ?? ""; } = "";

    /// <summary>c, b, u or p.</summary>
    public string Type { get; init => field = value ?? ""; } = "";

    /// <summary>Major number.</summary>
    public long Major { get; init; }

    /// <summary>Minor number.</summary>
    public long Minor { get; init; }

    /// <summary>Mode.</summary>
    public uint? FileMode { get; init; }

    /// <summary>Owner.</summary>
    public uint? Uid { get; init; }

    /// <summary>Group.</summary>
    public uint? Gid { get; init; }
}

/// <summary>System call filter.</summary>
public sealed record OciSeccomp
{
    /// <summary>What happens to calls that no rule names.</summary>
    public string DefaultAction { get; init => field = value ?? ""; } = "";

    /// <summary>Error number for the default action.</summary>
    public uint? DefaultErrnoRet { get; init; }

    /// <summary>Architectures.</summary>
    public IReadOnlyList<string> Architectures { get; init => field = value ?? []; } = [];

    /// <summary>Flags.</summary>
    public IReadOnlyList<string> Flags { get; init => field = value ?? []; } = [];

    /// <summary>Rules.</summary>
    public IReadOnlyList<OciSyscall> Syscalls { get; init => field = value ?? []; } = [];
}

/// <summary>A rule of a filter.</summary>
public sealed record OciSyscall
{
    /// <summary>Names of the calls.</summary>
    public IReadOnlyList<string> Names { get; init => field = value ?? []; } = [];

    /// <summary>What happens.</summary>
    public string Action { get; init => field = value ?? ""; } = "";

    /// <summary>Error number.</summary>
    public uint? ErrnoRet { get; init; }

    /// <summary>Conditions on arguments.</summary>
    public IReadOnlyList<OciSyscallArg> Args { get; init => field = value ?? []; } = [];
}

/// <summary>A condition on an argument.</summary>
public sealed record OciSyscallArg
{
    /// <summary>Which argument.</summary>
    public uint Index { get; init; }

    /// <summary>First operand.</summary>
    public ulong Value { get; init; }

    /// <summary>Second operand.</summary>
    public ulong ValueTwo { get; init; }

    /// <summary>Comparison.</summary>
    public string Op { get; init => field = value ?? ""; } = "";
}
