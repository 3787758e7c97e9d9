using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>The cgroup of a sandbox on the host: v1, v2 or hybrid, as found.</summary>
public interface ISandboxCgroup
{
    /// <summary>True if the host has the unified hierarchy alone; statistics follow it.</summary>
    bool IsUnified { get; }

    /// <summary>
    /// Makes the cgroup for the <c>linux.cgroupsPath</c> of a bundle (null or empty: none is made, and the list is
    /// empty) and answers its directories, one per hierarchy that processes must enter.
    /// </summary>
    Task<IReadOnlyList<HostPath>> CreateAsync(string? cgroupsPath, IResourceLedger ledger, CancellationToken ct);

    /// <summary>
    /// Bytes of memory that those directories and the ones around them leave to what runs there; null without a limit.
    /// </summary>
    long? MemoryLimit(IReadOnlyList<HostPath> cgroups);

    /// <summary>Moves a process into those directories.</summary>
    Task MoveAsync(IReadOnlyList<HostPath> cgroups, int processId, CancellationToken ct);

    /// <summary>
    /// Moves threads into those of the directories that bound CPUs, and take threads; their process stays where it is.
    /// </summary>
    Task MoveThreadsAsync(IReadOnlyList<HostPath> cgroups, IReadOnlyList<int> threadIds, CancellationToken ct);

    /// <summary>Moves this process out, to where it was started, so that the cgroup can be removed.</summary>
    Task LeaveAsync(IReadOnlyList<HostPath> cgroups, CancellationToken ct);

    /// <summary>
    /// Binds the sandbox to CPUs and memory nodes of the host; what is empty stays as it is. Other limits are those of
    /// the pod's own cgroup, in which this one lies, and are left to it. InvalidArgument for what the host refuses.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<HostPath> cgroups, OciResources limits, CancellationToken ct);
}
