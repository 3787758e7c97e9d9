using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Who lives in which cgroup of the host. With <c>sandbox_cgroup_only</c> all do in the sandbox's, so that the pod's
/// limits hold for all of it. Without it shim, VMM and file daemon live apart and without limits, and only the vCPUs,
/// which do the containers' work, in the sandbox's.
/// </summary>
internal sealed class SandboxCgroups(LiveSandbox sandbox, ISandboxCgroup cgroups, ILogger<SandboxCgroups> log)
{
    private const string Overhead = "/kata_overhead";

    /// <summary>Makes them and moves this process, before it starts any other.</summary>
    public async Task EnterAsync(RuntimeSettings settings, OciSpec spec, IResourceLedger ledger, CancellationToken ct)
    {
        sandbox.Cgroups = await cgroups.CreateAsync(spec.Linux?.CgroupsPath, ledger, ct);
        sandbox.OwnCgroups = settings.SandboxCgroupOnly
            ? sandbox.Cgroups
            : await cgroups.CreateAsync($"{Overhead}/{sandbox.Id}", ledger, ct);
        await cgroups.MoveAsync(sandbox.OwnCgroups, Environment.ProcessId, ct);
    }

    /// <summary>
    /// Moves the vCPUs that the machine has now. What cannot be is told: the pod runs, with nothing to bound its CPUs.
    /// </summary>
    public async Task MoveVcpusAsync(CancellationToken ct)
    {
        if (sandbox.Settings is not { SandboxCgroupOnly: false } || sandbox.Cgroups.Count == 0
            || sandbox.Machine is not { } machine)
            return;
        try
        {
            // The unified hierarchy keeps the threads of a process together.
            if (cgroups.IsUnified)
                await cgroups.MoveAsync(sandbox.Cgroups, machine.ProcessId, ct);
            else
                await cgroups.MoveThreadsAsync(sandbox.Cgroups, await machine.ReadVcpuThreadsAsync(ct), ct);
        }
        catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
        {
            SizingLog.VcpusNotMoved(log, e.Message);
        }
    }
}
