using System.Globalization;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Cgroups;

/// <summary>What an update of a running container's limits writes into its cgroup, file by file and in order.</summary>
internal static class ResourceLimits
{
    private const string Maximum = "max";

    /// <param name="resources">Zero is "leave as it is", a negative number is "no limit".</param>
    /// <param name="currentMemoryLimit">Bytes; null without a limit.</param>
    public static IReadOnlyList<(string File, string Value)> Writes(
        Oci.LinuxResources resources, ulong? currentMemoryLimit)
    {
        var writes = new List<(string, string)>();
        if (resources.CPU is { } cpu)
        {
            if (cpu.Shares > 0)
            {
                writes.Add(("cpu.weight", Text((long)WeightOf(cpu.Shares))));
            }

            if (cpu.Quota != 0 || cpu.Period > 0)
            {
                // One value alone keeps the other: the file takes the quota without a period, but not the reverse.
                var period = cpu.Period > 0 ? " " + Text((long)cpu.Period) : "";
                writes.Add(("cpu.max", (cpu.Quota > 0 ? Text(cpu.Quota) : Maximum) + period));
            }
        }

        if (resources.CPU?.Cpus is { Length: > 0 } cpus)
        {
            writes.Add(("cpuset.cpus", cpus));
        }

        if (resources.Memory is { } memory)
        {
            if (memory.Reservation != 0)
            {
                writes.Add(("memory.low", Limit(memory.Reservation)));
            }

            AddMemory(writes, memory, currentMemoryLimit);
        }

        if (resources.Pids is { Limit: not 0 } pids)
        {
            writes.Add(("pids.max", Limit(pids.Limit)));
        }

        foreach (var page in resources.HugepageLimits)
        {
            if (page.Limit > 0)
            {
                writes.Add(($"hugetlb.{page.Pagesize}.max", page.Limit.ToString(CultureInfo.InvariantCulture)));
            }
        }

        return writes;
    }

    /// <summary>The scale of version 1's shares (2 to 262144) on that of weights (1 to 10000).</summary>
    public static ulong WeightOf(ulong shares)
    {
        var inside = Math.Clamp(shares, 2, 262144);
        return 1 + ((inside - 2) * 9999 / 262142);
    }

    private static void AddMemory(List<(string, string)> writes, Oci.LinuxMemory memory, ulong? currentLimit)
    {
        // The spec's swap is memory and swap together; the file takes swap alone.
        var limit = memory.Limit != 0 ? memory.Limit : currentLimit is { } current ? (long)current : -1;
        if (memory.Swap < 0)
        {
            writes.Add(("memory.swap.max", Maximum));
        }
        else if (memory.Swap > 0 && limit > 0 && memory.Swap >= limit)
        {
            writes.Add(("memory.swap.max", Text(memory.Swap - limit)));
        }

        if (memory.Limit != 0)
        {
            writes.Add(("memory.max", Limit(memory.Limit)));
        }
    }

    private static string Limit(long value) => value < 0 ? Maximum : Text(value);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
