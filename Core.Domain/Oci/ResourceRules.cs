using System.Globalization;

namespace Kata.Core.Domain.Oci;

/// <summary>Which limits make sense, and what an update leaves of the present ones.</summary>
public static class ResourceRules
{
    // The kernel's bounds of the CPU controller, in microseconds.
    private const long MinQuota = 1_000;
    private const ulong MinPeriod = 1_000;
    private const ulong MaxPeriod = 1_000_000;

    private const long Unlimited = -1;

    // The scales of version 1's shares and of version 2's weight.
    private const ulong MinShares = 2;
    private const ulong MaxShares = 262_144;
    private const ulong MaxWeight = 10_000;

    /// <summary>Refuses limits that no kernel takes; InvalidArgument with the field and what it may be.</summary>
    /// <param name="limits">The limits; 0 means that one is not set.</param>
    /// <param name="hostCpus">CPUs of the host, for its cpuset.</param>
    public static void Check(OciResources limits, int hostCpus)
    {
        if (limits.Cpu is { } cpu)
            Check(cpu, hostCpus);
        if (limits.Memory is { } memory)
            Check(memory);
        foreach (var page in limits.HugepageLimits)
        {
            if (page.PageSize.Length == 0 || !page.PageSize.All(char.IsAsciiLetterOrDigit)
                || !char.IsAsciiDigit(page.PageSize[0]))
                throw Invalid("hugepageLimits.pageSize", $"\"{page.PageSize}\"", "a size such as 2MB");
        }

        foreach (var (file, value) in limits.Unified)
        {
            if (!file.Contains('.', StringComparison.Ordinal) || file.StartsWith("cgroup.", StringComparison.Ordinal)
                || !file.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_'))
                throw Invalid("unified", $"\"{file}\"", "a file of a controller, such as memory.high");
            if (value.AsSpan().IndexOfAny('\0', '\n') >= 0)
                throw Invalid($"unified {file}", "several lines", "one value");
        }
    }

    /// <summary>
    /// Files of cgroup v2 that mean a limit of its own become that limit, which every agent knows; they win, as the
    /// later written ones. The rest of the files is left out.
    /// </summary>
    public static OciResources TranslateUnified(OciResources limits)
    {
        if (limits.Unified.Count == 0)
            return limits;
        var cpu = limits.Cpu ?? new OciCpu();
        var memory = limits.Memory ?? new OciMemory();
        var pids = limits.Pids;
        if (limits.Unified.TryGetValue("cpu.max", out var max)
            && max.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var quota, .. var period]
            && Number(quota) is { } microseconds)
            cpu = cpu with
            {
                Quota = microseconds,
                Period = period is [var text, ..] && Number(text) is > 0 and var length ? (ulong)length : cpu.Period
            };
        if (Of("cpu.weight") is > 0 and <= (long)MaxWeight and var weight)
            cpu = cpu with
            {
                Shares = MinShares + (((ulong)weight - 1) * (MaxShares - MinShares) / (MaxWeight - 1))
            };
        memory = memory with
        {
            Limit = Of("memory.max") ?? memory.Limit,
            Reservation = Of("memory.low") ?? memory.Reservation
        };
        if (Of("memory.swap.max") is { } swap)
            memory = memory with { Swap = swap >= 0 && memory.Limit is > 0 and var limit ? limit + swap : Unlimited };
        if (Of("pids.max") is { } most)
            pids = new OciPids { Limit = most };
        return limits with { Cpu = cpu, Memory = memory, Pids = pids, Unified = new Dictionary<string, string>() };

        long? Of(string file) => limits.Unified.TryGetValue(file, out var value) ? Number(value.Trim()) : null;

        static long? Number(string text) => text == "max" ? Unlimited
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : null;
    }

    /// <summary>The limits after an update: what it does not set stays.</summary>
    public static OciResources Merge(OciResources present, OciResources update) => present with
    {
        Cpu = Merge(present.Cpu, update.Cpu),
        Memory = Merge(present.Memory, update.Memory),
        Pids = update.Pids ?? present.Pids,
        HugepageLimits =
        [
            .. present.HugepageLimits.Where(
                page => update.HugepageLimits.All(other => other.PageSize != page.PageSize)),
            .. update.HugepageLimits,
        ],
        Unified = Merge(present.Unified, update.Unified),
    };

    private static void Check(OciCpu cpu, int hostCpus)
    {
        if (cpu.Quota is > 0 and < MinQuota)
            throw Invalid("cpu.quota", $"{cpu.Quota}", $"at least {MinQuota} microseconds, or -1 for no limit");
        if (cpu.Period is > 0 and (< MinPeriod or > MaxPeriod))
            throw Invalid("cpu.period", $"{cpu.Period}", $"{MinPeriod} to {MaxPeriod} microseconds");
        if (!CpuList.TryParse(cpu.Cpus, out var cpus))
            throw Invalid("cpu.cpus", $"\"{cpu.Cpus}\"", "a list of CPUs such as 0-3,8");
        if (cpus.Lowest >= hostCpus)
            throw Invalid("cpu.cpus", $"\"{cpu.Cpus}\"", $"CPUs of the host, which has {hostCpus}");
        if (!CpuList.TryParse(cpu.Mems, out _))
            throw Invalid("cpu.mems", $"\"{cpu.Mems}\"", "a list of memory nodes such as 0-1");
    }

    private static void Check(OciMemory memory)
    {
        foreach (var (name, value) in (ReadOnlySpan<(string, long?)>)
            [("limit", memory.Limit), ("reservation", memory.Reservation), ("swap", memory.Swap),
                ("kernel", memory.Kernel), ("kernelTCP", memory.KernelTcp)])
        {
            if (value < Unlimited)
                throw Invalid($"memory.{name}", $"{value}", "a number of bytes, or -1 for no limit");
        }

        if (memory is { Limit: > 0, Swap: > 0 } && memory.Swap < memory.Limit)
            throw Invalid(
                "memory.swap", $"{memory.Swap}",
                $"memory and swap together, so at least memory.limit, which is {memory.Limit}");
        if (memory.Swappiness > 100)
            throw Invalid("memory.swappiness", $"{memory.Swappiness}", "0 to 100");
    }

    private static OciCpu? Merge(OciCpu? present, OciCpu? update) => present is null || update is null
        ? update ?? present
        : present with
        {
            Shares = Set(update.Shares) ?? present.Shares,
            Quota = Set(update.Quota) ?? present.Quota,
            Period = Set(update.Period) ?? present.Period,
            RealtimeRuntime = Set(update.RealtimeRuntime) ?? present.RealtimeRuntime,
            RealtimePeriod = Set(update.RealtimePeriod) ?? present.RealtimePeriod,
            Cpus = string.IsNullOrEmpty(update.Cpus) ? present.Cpus : update.Cpus,
            Mems = string.IsNullOrEmpty(update.Mems) ? present.Mems : update.Mems,
        };

    private static OciMemory? Merge(OciMemory? present, OciMemory? update) => present is null || update is null
        ? update ?? present
        : present with
        {
            Limit = Set(update.Limit) ?? present.Limit,
            Reservation = Set(update.Reservation) ?? present.Reservation,
            Swap = Set(update.Swap) ?? present.Swap,
            Swappiness = update.Swappiness ?? present.Swappiness,
            DisableOomKiller = update.DisableOomKiller ?? present.DisableOomKiller,
        };

    private static Dictionary<string, string> Merge(
        IReadOnlyDictionary<string, string> present, IReadOnlyDictionary<string, string> update)
    {
        var merged = new Dictionary<string, string>(present);
        foreach (var (file, value) in update)
            merged[file] = value;
        return merged;
    }

    private static long? Set(long? value) => value is 0 ? null : value;

    private static ulong? Set(ulong? value) => value is 0 ? null : value;

    private static KataException Invalid(string field, string value, string wanted) =>
        new(ErrorKind.InvalidArgument, $"linux.resources.{field} is {value}; it must be {wanted}");
}
