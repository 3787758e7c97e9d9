using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Core.Domain.Oci;

/// <summary>A process to run in a container.</summary>
public sealed record OciProcess
{
    /// <summary>Has a terminal.</summary>
    public bool Terminal { get; init; }

    /// <summary>Size of the terminal.</summary>
    public OciBox? ConsoleSize { get; init; }

    /// <summary>Ids to run as.</summary>
    public OciUser User { get; init => field = value ?? new(); } = new();

    /// <summary>Program and arguments.</summary>
    public IReadOnlyList<string> Args { get; init => field = value ?? []; } = [];

    /// <summary>Environment.</summary>
    public IReadOnlyList<string> Env { get; init => field = value ?? []; } = [];

    /// <summary>Working directory.</summary>
    public string Cwd { get; init => field = value ?? "/"; } = "/";

    /// <summary>Capabilities.</summary>
    public OciCapabilities? Capabilities { get; init; }

    /// <summary>Resource limits.</summary>
    public IReadOnlyList<OciRlimit> Rlimits { get; init => field = value ?? []; } = [];

    /// <summary>No new privileges by exec.</summary>
    public bool NoNewPrivileges { get; init; }

    /// <summary>AppArmor profile.</summary>
    public string? ApparmorProfile { get; init; }

    /// <summary>OOM score.</summary>
    public int? OomScoreAdj { get; init; }

    /// <summary>SELinux label.</summary>
    public string? SelinuxLabel { get; init; }

    /// <summary>Fields that are not named here.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; set; }

    /// <summary>Arguments and environment never reach a log.</summary>
    public override string ToString() => "OCI process";
}

/// <summary>Size in character cells.</summary>
public sealed record OciBox
{
    /// <summary>Rows.</summary>
    public uint Height { get; init; }

    /// <summary>Columns.</summary>
    public uint Width { get; init; }
}

/// <summary>User of a process.</summary>
public sealed record OciUser
{
    /// <summary>User id.</summary>
    public uint Uid { get; init; }

    /// <summary>Group id.</summary>
    public uint Gid { get; init; }

    /// <summary>File mode mask.</summary>
    public uint? Umask { get; init; }

    /// <summary>Supplementary groups.</summary>
    public IReadOnlyList<uint> AdditionalGids { get; init => field = value ?? []; } = [];

    /// <summary>User name.</summary>
    public string? Username { get; init; }
}

/// <summary>Capability sets by name.</summary>
public sealed record OciCapabilities
{
    /// <summary>Bounding set.</summary>
    public IReadOnlyList<string> Bounding { get; init => field = value ?? []; } = [];

    /// <summary>Effective set.</summary>
    public IReadOnlyList<string> Effective { get; init => field = value ?? []; } = [];

    /// <summary>Inheritable set.</summary>
    public IReadOnlyList<string> Inheritable { get; init => field = value ?? []; } = [];

    /// <summary>Permitted set.</summary>
    public IReadOnlyList<string> Permitted { get; init => field = value ?? []; } = [];

    /// <summary>Ambient set.</summary>
    public IReadOnlyList<string> Ambient { get; init => field = value ?? []; } = [];
}

/// <summary>A resource limit.</summary>
public sealed record OciRlimit
{
    /// <summary>Name, such as RLIMIT_NOFILE.</summary>
    public string Type { get; init => field = value ?? ""; } = "";

    /// <summary>Upper bound.</summary>
    public ulong Hard { get; init; }

    /// <summary>Limit in force.</summary>
    public ulong Soft { get; init; }
}
