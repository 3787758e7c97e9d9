using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.State;

/// <summary>
/// Where a sandbox's processes live on the host: cgroup directories, one per hierarchy, none where there are none.
/// </summary>
/// <param name="Pod">The sandbox's own, below its pod's; what does the containers' work lives there.</param>
/// <param name="Helpers">Where shim, VMM and file daemon live: the same, or one apart.</param>
internal sealed record CgroupPlacement(IReadOnlyList<HostPath> Pod, IReadOnlyList<HostPath> Helpers)
{
    /// <summary>True if the helpers live apart, so that vCPUs must be moved.</summary>
    public bool HasOverhead => !ReferenceEquals(Pod, Helpers);
}
