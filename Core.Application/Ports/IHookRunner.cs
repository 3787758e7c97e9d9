using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>When a hook runs.</summary>
public enum HookStage
{
    /// <summary>After the network namespace is there, before the container is created.</summary>
    CreateRuntime,

    /// <summary>After the start.</summary>
    Poststart,

    /// <summary>After the deletion.</summary>
    Poststop,
}

/// <summary>What a hook reads on its standard input (OCI state).</summary>
public sealed record HookState(ContainerId Container, HostPath Bundle, int Pid, string Status);

/// <summary>Runs the hooks of a bundle on the host.</summary>
public interface IHookRunner
{
    /// <summary>
    /// Runs them in order, each within its timeout; the first failure is thrown with the hook's own words.
    /// </summary>
    Task RunAsync(HookStage stage, IReadOnlyList<OciHook> hooks, HookState state, CancellationToken ct);
}
