using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kata.Core.Domain.Oci;

/// <summary>
/// An OCI runtime specification: the parts that are read, rewritten or sent to the guest. What is not named here is
/// kept in <see cref="Other"/>. Field names are those of the OCI runtime-spec in camel case.
/// </summary>
public sealed record OciSpec
{
    /// <summary>Version of the specification.</summary>
    public string OciVersion { get; init => field = value ?? ""; } = "";

    /// <summary>The container's init.</summary>
    public OciProcess? Process { get; init; }

    /// <summary>Root filesystem.</summary>
    public OciRoot? Root { get; init; }

    /// <summary>Host name inside.</summary>
    public string? Hostname { get; init; }

    /// <summary>Mounts inside.</summary>
    public IReadOnlyList<OciMount> Mounts { get; init => field = value ?? []; } = [];

    /// <summary>Hooks.</summary>
    public OciHooks? Hooks { get; init; }

    /// <summary>Annotations.</summary>
    public IReadOnlyDictionary<string, string> Annotations
    {
        get;
        init => field = value ?? new Dictionary<string, string>();
    } = new Dictionary<string, string>();

    /// <summary>Linux part.</summary>
    public OciLinux? Linux { get; init; }

    /// <summary>Fields that are not named here, unchanged.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; set; }

    /// <summary>A specification holds environment and arguments, which never reach a log.</summary>
    public override string ToString() => $"OCI specification {OciVersion}";
}

/// <summary>Root filesystem of a container.</summary>
public sealed record OciRoot
{
    /// <summary>Path, absolute or relative to the bundle.</summary>
    public string Path { get; init => field = value ?? ""; } = "";

    /// <summary>Read-only.</summary>
    public bool Readonly { get; init; }
}

/// <summary>A mount of a container.</summary>
public sealed record OciMount
{
    /// <summary>Where.</summary>
    public string Destination { get; init => field = value ?? ""; } = "";

    /// <summary>Filesystem type.</summary>
    public string? Type { get; init; }

    /// <summary>What.</summary>
    public string? Source { get; init; }

    /// <summary>fstab words.</summary>
    public IReadOnlyList<string> Options { get; init => field = value ?? []; } = [];

    /// <summary>Id mappings and the like.</summary>
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; set; }
}

/// <summary>Hooks of a container.</summary>
public sealed record OciHooks
{
    /// <summary>Old name of the create-runtime stage.</summary>
    public IReadOnlyList<OciHook> Prestart { get; init => field = value ?? []; } = [];

    /// <summary>On the host, before the container is created.</summary>
    public IReadOnlyList<OciHook> CreateRuntime { get; init => field = value ?? []; } = [];

    /// <summary>In the container's namespaces, before its root is entered.</summary>
    public IReadOnlyList<OciHook> CreateContainer { get; init => field = value ?? []; } = [];

    /// <summary>In the container, before its process.</summary>
    public IReadOnlyList<OciHook> StartContainer { get; init => field = value ?? []; } = [];

    /// <summary>On the host, after the start.</summary>
    public IReadOnlyList<OciHook> Poststart { get; init => field = value ?? []; } = [];

    /// <summary>On the host, after the deletion.</summary>
    public IReadOnlyList<OciHook> Poststop { get; init => field = value ?? []; } = [];
}

/// <summary>One hook.</summary>
public sealed record OciHook
{
    /// <summary>Program.</summary>
    public string Path { get; init => field = value ?? ""; } = "";

    /// <summary>Arguments, the name first.</summary>
    public IReadOnlyList<string> Args { get; init => field = value ?? []; } = [];

    /// <summary>Environment.</summary>
    public IReadOnlyList<string> Env { get; init => field = value ?? []; } = [];

    /// <summary>Limit in seconds.</summary>
    public int? Timeout { get; init; }
}
