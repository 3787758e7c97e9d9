using System.Globalization;
using Kata.Core.Domain.Oci;

namespace Kata.Core.Domain.Machines;

/// <summary>What a container, or all of a pod's, reserve of a machine.</summary>
/// <param name="Cpus">CPUs by quota and period; 0 without a limit.</param>
/// <param name="MemoryMib">Memory and huge pages in MiB; 0 without a limit.</param>
/// <param name="Cpuset">CPUs of the host that it is bound to.</param>
public sealed record Workload(decimal Cpus, long MemoryMib, CpuList Cpuset)
{
    private const long Mib = 1024 * 1024;

    // What cgroup v1 gives for a limit that is none: the largest number of whole pages.
    private const long Unlimited = long.MaxValue & ~4095L;

    private const long DefaultPeriod = 100_000;

    // One share of a kubelet's static CPU manager is a thousandth and a bit of a CPU.
    private const decimal SharesOfCpu = 1024;

    /// <summary>No limit at all.</summary>
    public static Workload None { get; } = new(0, 0, CpuList.Empty);

    /// <summary>
    /// The sums that a container manager writes into the annotations of a pod's first container; null if it wrote none.
    /// What is no number counts as 0.
    /// </summary>
    public static Workload? FromPodAnnotations(IReadOnlyDictionary<string, string> annotations)
    {
        const string prefix = "io.kubernetes.cri.sandbox-";
        if (!annotations.Keys.Any(key => key is prefix + "cpu-quota" or prefix + "memory"))
            return null;

        var quota = Number("cpu-quota");
        // Without a quota because its CPUs are exclusive: what was asked for is then in the shares.
        var cpus = quota < 0 ? Math.Ceiling(Number("cpu-shares") / SharesOfCpu) : Ratio(quota, Number("cpu-period"));
        return new Workload(cpus, RoundUp(Number("memory")), CpuList.Empty);

        long Number(string name) =>
            annotations.TryGetValue(prefix + name, out var text)
                && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value)
                ? value
                : 0;
    }

    /// <summary>The limits of one container.</summary>
    public static Workload Of(OciResources? limits)
    {
        if (limits is null)
            return None;
        var pages = limits.HugepageLimits.Sum(page => RoundUp((long)Math.Min(page.Limit, long.MaxValue)));
        return new Workload(
            Ratio(limits.Cpu?.Quota ?? 0, (long)Math.Min(limits.Cpu?.Period ?? 0, long.MaxValue)),
            RoundUp(limits.Memory?.Limit ?? 0) + pages,
            CpuList.TryParse(limits.Cpu?.Cpus, out var cpuset) ? cpuset : CpuList.Empty);
    }

    /// <summary>All of them together.</summary>
    public static Workload Sum(IEnumerable<Workload> workloads) =>
        workloads.Aggregate(
            None,
            (sum, one) => new Workload(
                sum.Cpus + one.Cpus, sum.MemoryMib + one.MemoryMib, sum.Cpuset.Union(one.Cpuset)));

    /// <summary>The larger of each, for limits that are told twice.</summary>
    public Workload Max(Workload other) =>
        new(Math.Max(Cpus, other.Cpus), Math.Max(MemoryMib, other.MemoryMib), Cpuset.Union(other.Cpuset));

    private static decimal Ratio(long quota, long period) =>
        quota <= 0 ? 0 : (decimal)quota / (period > 0 ? period : DefaultPeriod);

    private static long RoundUp(long bytes) => bytes is > 0 and < Unlimited ? (bytes - 1) / Mib + 1 : 0;
}
