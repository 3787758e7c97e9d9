using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu;

/// <summary>Where the processes of a machine run, in the platform's words.</summary>
internal static class Placements
{
    /// <summary>For the VMM: the sandbox's network namespace and cgroups.</summary>
    public static SpawnPlacement Of(VmPlacement placement) =>
        WithoutNetwork(placement) with { NetworkNamespace = placement.NetworkNamespace?.Path.Value };

    /// <summary>For daemons that do not touch the sandbox's network.</summary>
    public static SpawnPlacement WithoutNetwork(VmPlacement placement) => new()
    {
        Cgroups = [.. placement.Cgroups.Select(cgroup => cgroup.Value)],
        OomScoreAdjustment = placement.OomScoreAdjustment,
    };
}
