using Kata.Core.Application.Ports;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>A cgroup in memory; it cannot be removed while a child or the shim is in it.</summary>
public sealed class HarnessCgroup(HarnessHost host) : ISandboxCgroup
{
    /// <inheritdoc/>
    public bool IsUnified { get; set; } = true;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<HostPath>> CreateAsync(
        string? cgroupsPath, IResourceLedger ledger, CancellationToken ct)
    {
        await host.EnterAsync("cgroup.create", ct);
        if (string.IsNullOrEmpty(cgroupsPath))
            return [];
        var path = HostPath.Parse($"/sys/fs/cgroup{(cgroupsPath[0] == '/' ? "" : "/")}{cgroupsPath}", "cgroup");
        host.Take(ledger, ResourceKind.Cgroup, path.Value);
        return [path];
    }

    /// <summary>What the pod's cgroup allows.</summary>
    public long? Limit { get; set; }

    /// <inheritdoc/>
    public long? MemoryLimit(IReadOnlyList<HostPath> cgroups) => Limit;

    /// <inheritdoc/>
    public async Task MoveAsync(IReadOnlyList<HostPath> cgroups, int processId, CancellationToken ct)
    {
        await host.EnterAsync("cgroup.move", ct);
        host.ShimIsInCgroup |= cgroups.Count > 0 && processId == Environment.ProcessId;
    }

    /// <inheritdoc/>
    public Task MoveThreadsAsync(IReadOnlyList<HostPath> cgroups, IReadOnlyList<int> threadIds, CancellationToken ct) =>
        host.EnterAsync("cgroup.move-threads", ct);

    /// <inheritdoc/>
    public async Task LeaveAsync(IReadOnlyList<HostPath> cgroups, CancellationToken ct)
    {
        await host.EnterAsync("cgroup.leave", ct);
        host.ShimIsInCgroup = false;
    }

    /// <inheritdoc/>
    public async Task ApplyAsync(IReadOnlyList<HostPath> cgroups, OciResources limits, CancellationToken ct)
    {
        await host.EnterAsync("cgroup.apply", ct);
        host.BoundTo = limits.Cpu;
    }
}
