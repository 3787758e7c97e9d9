using Kata.Core.Domain.Oci;

namespace Kata.Core.Domain.Machines;

/// <summary>Which vCPUs stand for the CPUs of the host that a container is bound to.</summary>
public static class VcpuChoice
{
    /// <summary>
    /// As many vCPUs as the container has CPUs of the host, or all if there are fewer; none for a container that is
    /// bound to no CPUs. First come those that fewest others have, of these those that it has, then the lowest.
    /// </summary>
    /// <param name="hostCpus">CPUs of the host that it is bound to.</param>
    /// <param name="vcpus">How many are online, from 0 on.</param>
    /// <param name="present">Those that it has.</param>
    /// <param name="others">Those of each other container that is bound.</param>
    public static CpuList Choose(int hostCpus, int vcpus, CpuList present, IReadOnlyCollection<CpuList> others) =>
        CpuList.Of(Enumerable.Range(0, vcpus)
            .OrderBy(vcpu => others.Count(other => other.Contains(vcpu)))
            .ThenBy(vcpu => !present.Contains(vcpu))
            .Take(hostCpus));
}
