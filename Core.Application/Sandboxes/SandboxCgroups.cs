using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Who lives in which cgroup of the host. With <c>sandbox_cgroup_only</c> all do in the sandbox's, so that the pod's
/// limits hold for all of it. Without it shim, VMM and file daemon live apart and without limits, and only the vCPUs,
/// which do the containers' work, in the sandbox's.
/// </summary>
internal sealed class SandboxCgroups(ISandboxCgroup cgroups, ILogger<SandboxCgroups> log)
{
    private const string Overhead = "/kata_overhead";

    /// <summary>Makes them; nobody has been moved yet.</summary>
    public async Task<CgroupPlacement> CreateAsync(
        SandboxId id, RuntimeSettings settings, OciSpec spec, IResourceLedger ledger, CancellationToken ct)
    {
        var pod = await cgroups.CreateAsync(spec.Linux?.CgroupsPath, ledger, ct);
        return new CgroupPlacement(
            pod, settings.SandboxCgroupOnly ? pod : await cgroups.CreateAsync($"{Overhead}/{id}", ledger, ct));
    }

    /// <summary>Moves this process, before it starts any other.</summary>
    public Task EnterAsync(CgroupPlacement placement, CancellationToken ct) =>
        cgroups.MoveAsync(placement.Helpers, Environment.ProcessId, ct);

    /// <summary>
    /// Moves the vCPUs that the machine has now. What cannot be is told: the pod runs, with nothing to bound its CPUs.
    /// </summary>
    public async Task MoveVcpusAsync(CgroupPlacement placement, IVirtualMachine machine, CancellationToken ct)
    {
        if (!placement.HasOverhead || placement.Pod.Count == 0)
            return;
        try
        {
            // The unified hierarchy keeps the threads of a process together.
            if (cgroups.IsUnified)
                await cgroups.MoveAsync(placement.Pod, machine.ProcessId, ct);
            else
                await cgroups.MoveThreadsAsync(placement.Pod, await machine.ReadVcpuThreadsAsync(ct), ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            SizingLog.VcpusNotMoved(log, e.Message);
        }
    }

    /// <summary>Leaves the helpers' cgroup.</summary>
    public Task LeaveAsync(CgroupPlacement placement, CancellationToken ct) =>
        placement.Helpers.Count > 0 ? cgroups.LeaveAsync(placement.Helpers, ct) : Task.CompletedTask;
}
