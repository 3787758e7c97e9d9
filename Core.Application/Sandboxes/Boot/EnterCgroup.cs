using Kata.Core.Application.State;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Makes the sandbox's cgroups and moves this process there, so that what it starts begins there.</summary>
internal sealed class EnterCgroup(SandboxCgroups cgroups, SandboxSizer sizer) : IBootStep
{
    public string Phase => "cgroup";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        var placement = boot.Cgroups = await cgroups.CreateAsync(
            boot.Sandbox.Id, boot.Settings, boot.Spec, boot.Ledger, ct);
        boot.Sandbox.Hold(ReleaseOrder.Cgroup, (_, limit) => cgroups.LeaveAsync(placement, limit));
        await cgroups.EnterAsync(placement, ct);
        sizer.CheckRoom(boot.Machine.Size, placement.Helpers);
        boot.Placement = new VmPlacement
        {
            StateDirectory = SandboxPaths.State(boot.Sandbox.Id),
            NetworkNamespace = boot.Links.Namespace,
            Cgroups = placement.Helpers,
            // The shim's score is the manager's own, which the kernel spares: what a tenant runs must not have it. Nor
            // is that of a pod's first container, which managers protect, the one of those that come later.
            OomScoreAdjustment = Math.Max(0, boot.Spec.Process?.OomScoreAdj ?? 0),
        };
    }
}
