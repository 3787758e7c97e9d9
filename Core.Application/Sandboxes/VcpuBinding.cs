using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Binds a container that is bound to CPUs of the host to as many vCPUs in the guest, so that programs which count
/// processors count what they may use. Called by one at a time.
/// </summary>
internal sealed class VcpuBinding(ContainerRegistry containers, ILogger<VcpuBinding> log)
{
    /// <summary>The vCPUs for a container with this reservation, none for all; remembered as its own.</summary>
    public CpuList Choose(LiveContainer container, Workload reserved, int vcpus)
    {
        var others = containers.Living.Where(c => c != container && c.Vcpus.Count > 0).Select(c => c.Vcpus).ToList();
        return container.Vcpus = VcpuChoice.Choose(reserved.Cpuset.Count, vcpus, container.Vcpus, others);
    }

    /// <summary>
    /// Tells the guest anew where its bound containers run, now that so many vCPUs are online. One that cannot be moved
    /// is logged and stays where it is.
    /// </summary>
    public async Task FollowAsync(SandboxHandles.Ready sandbox, int vcpus, CancellationToken ct)
    {
        // All of them, changed or not: upstream's agent gives every vCPU to each bound container when one comes online.
        var inGuest = containers.Living.Where(c => c.Aggregate.State != ContainerState.Creating);
        foreach (var container in inGuest.Where(c => c.Vcpus.Count > 0))
        {
            var chosen = Choose(container, sandbox.Machine.Size.ReservedBy(container.Aggregate.Id), vcpus);
            try
            {
                var limits = new OciResources { Cpu = new OciCpu { Cpus = chosen.ToString() } };
                await sandbox.Agent.UpdateAsync(container.Aggregate.Id, limits, ct);
            }
            catch (KataException e) when (e.Kind != ErrorKind.Unavailable)
            {
                SizingLog.NotBound(log, container.Aggregate.Id.Value, chosen.ToString(), e.Message);
            }
        }
    }
}
