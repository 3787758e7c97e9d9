using System.Globalization;
using Kata.Core.Domain.Oci;

namespace Kata.Core.Domain.Machines;

/// <summary>Arithmetic of machine sizes: what the settings give, plus what the containers known at start ask for.</summary>
public static class Sizing
{
    private const long Mib = 1024 * 1024;

    // What cgroup v1 gives for a limit that is none: the largest number of whole pages.
    private const long Unlimited = long.MaxValue & ~4095L;

    /// <summary>
    /// The size of a machine for its first container: the settings' base, plus the container's own limits or, for a pod,
    /// the sums that the container manager writes into the annotations.
    /// </summary>
    /// <param name="baseVcpus">Key default_vcpus; less than 1 for as many as the host has.</param>
    /// <param name="maxVcpus">Key default_maxvcpus; 0 for as many as the host has.</param>
    /// <param name="baseMemoryMib">Key default_memory.</param>
    /// <param name="maxMemoryMib">Key default_maxmemory; 0 for no growth beyond the start.</param>
    /// <param name="memorySlots">Key memory_slots.</param>
    /// <param name="hostCpus">CPUs of the host.</param>
    /// <param name="spec">The first container's specification.</param>
    public static VmResources ForSandbox(
        int baseVcpus, int maxVcpus, int baseMemoryMib, int maxMemoryMib, int memorySlots, int hostCpus, OciSpec spec)
    {
        var quota = Annotation(spec, "io.kubernetes.cri.sandbox-cpu-quota") ?? spec.Linux?.Resources?.Cpu?.Quota ?? 0;
        var period = Annotation(spec, "io.kubernetes.cri.sandbox-cpu-period") ?? (long?)spec.Linux?.Resources?.Cpu?.Period ?? 100_000;
        var memory = Annotation(spec, "io.kubernetes.cri.sandbox-memory") ?? spec.Linux?.Resources?.Memory?.Limit ?? 0;

        var most = Math.Max(1, maxVcpus > 0 ? Math.Min(maxVcpus, hostCpus) : hostCpus);
        var own = quota > 0 && period > 0 ? (int)Math.Min((quota - 1) / period + 1, most) : 0;
        var vcpus = Math.Clamp((baseVcpus < 1 ? hostCpus : baseVcpus) + own, 1, most);

        var memoryMib = baseMemoryMib + (memory is > 0 and < Unlimited ? (int)Math.Min((memory - 1) / Mib + 1, int.MaxValue / 2) : 0);
        return new VmResources(vcpus, most, memoryMib, Math.Max(memoryMib, maxMemoryMib), memorySlots);
    }

    private static long? Annotation(OciSpec spec, string key) =>
        spec.Annotations.TryGetValue(key, out var text) && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}
