using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Sandboxes;

/// <summary>Where a sandbox keeps its things on the host. The names are upstream's where its tools look.</summary>
public static class SandboxPaths
{
    /// <summary>State directories, one a sandbox: sockets, ledger, timeline, lock.</summary>
    public const string StateRoot = "/run/vc/sbs";

    /// <summary>Shared directories, one a sandbox.</summary>
    public const string ShareRoot = "/run/kata-containers/shared/sandboxes";

    /// <summary>The state directory of a sandbox.</summary>
    public static HostPath State(SandboxId id) => HostPath.Parse($"{StateRoot}/{id}", "state directory");

    /// <summary>The directory that holds what is shared with the guest.</summary>
    public static HostPath Share(SandboxId id) => HostPath.Parse($"{ShareRoot}/{id}", "share directory");
}
