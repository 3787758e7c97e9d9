using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux.Supervision;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>Between the core's words and the agent's. What comes from the guest is bounded here.</summary>
internal static class AgentMapping
{
    private const int MaxText = 128;
    private const int MaxDetails = 256;
    private const int MaxEntries = 256;

    // Of our agent alone.
    private const string PartDriver = "part";

    public static Proto.CreateSandboxRequest ToProto(GuestSandboxSpec spec)
    {
        var to = new Proto.CreateSandboxRequest
        {
            Hostname = spec.Hostname,
            SandboxId = spec.Sandbox.Value,
        };
        to.Dns.AddRange(spec.Dns);
        foreach (var storage in spec.Storages)
            to.Storages.Add(ToProto(storage));
        foreach (var module in spec.KernelModules)
        {
            if (module.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, .. var parameters])
                to.KernelModules.Add(new Proto.KernelModule { Name = name, Parameters = { parameters } });
        }

        return to;
    }

    /// <summary>The init is told its container's id as its exec id, which every agent accepts.</summary>
    public static Proto.CreateContainerRequest ToProto(GuestContainerSpec spec)
    {
        var to = new Proto.CreateContainerRequest
        {
            ContainerId = spec.Id.Value,
            ExecId = spec.Id.Value,
            OCI = OciMapping.ToProto(spec.Oci),
            SandboxPidns = spec.SharedPidNamespace,
        };
        foreach (var storage in spec.Storages)
            to.Storages.Add(ToProto(storage));
        foreach (var device in spec.Devices)
            to.Devices.Add(
                new Proto.Device { Type = device.Driver, Id = device.Id, ContainerPath = device.ContainerPath });
        return to;
    }

    public static string ExecIdOf(ProcessRef process) => process.Exec?.Value ?? process.Container.Value;

    public static GuestDetails FromProto(Proto.GuestDetailsResponse details) => new(
        UntrustedText.Clean(details.AgentDetails?.Version ?? "", MaxText),
        (long)Math.Min(details.MemBlockSizeBytes, long.MaxValue),
        details.AgentDetails?.SupportsSeccomp ?? false,
        details.AgentDetails?.StorageHandlers.Contains(PartDriver) ?? false);

    public static ContainerStats FromProto(Proto.StatsContainerResponse response)
    {
        if (response.CgroupStats is not { } from)
            return new ContainerStats { Links = Links(response) };

        return new ContainerStats
        {
            Cpu = Cpu(from.CpuStats),
            Memory = Memory(from.MemoryStats),
            Pids = from.PidsStats?.Current ?? 0,
            PidsLimit = from.PidsStats?.Limit ?? 0,
            BlockIo = BlockIo(from.BlkioStats),
            Hugepages = [.. from.HugetlbStats.Take(MaxEntries).Select(static h => new HugepageStats(
                UntrustedText.Clean(h.Key, MaxText), h.Value.Usage, h.Value.MaxUsage, h.Value.Failcnt))],
            Links = Links(response),
        };
    }

    public static Proto.Storage ToProto(GuestMount mount)
    {
        var to = new Proto.Storage
        {
            Driver = mount.Driver,
            Source = mount.Source,
            Fstype = mount.FsType,
            MountPoint = mount.MountPoint.Value,
            Shared = mount.Shared
        };
        to.Options.AddRange(mount.Options);
        to.DriverOptions.AddRange(mount.DriverOptions);
        if (mount.Group is { } group)
        {
            to.FsGroup = new Proto.FSGroup
            {
                GroupId = group.GroupId,
                GroupChangePolicy = group.OnlyOnMismatch
                    ? Proto.FSGroupChangePolicy.OnRootMismatch
                    : Proto.FSGroupChangePolicy.Always,
            };
        }

        return to;
    }

    private static CpuStats Cpu(Proto.CpuStats? from) => new(
        from?.CpuUsage?.TotalUsage ?? 0,
        from?.CpuUsage?.UsageInUsermode ?? 0,
        from?.CpuUsage?.UsageInKernelmode ?? 0,
        from?.ThrottlingData?.Periods ?? 0,
        from?.ThrottlingData?.ThrottledPeriods ?? 0,
        from?.ThrottlingData?.ThrottledTime ?? 0);

    private static MemoryStats Memory(Proto.MemoryStats? from)
    {
        if (from is null)
            return new MemoryStats();

        var details = new Dictionary<string, ulong>();
        foreach (var (name, value) in from.Stats)
        {
            if (details.Count < MaxDetails && name.Length <= MaxText)
                details[name] = value;
        }

        return new MemoryStats(
            from.Usage?.Usage ?? 0,
            from.Usage?.Limit ?? 0,
            from.Usage?.MaxUsage ?? 0,
            from.SwapUsage?.Usage ?? 0,
            from.SwapUsage?.Limit ?? 0,
            details.GetValueOrDefault("oom_kill"))
        {
            Details = details,
        };
    }

    /// <summary>
    /// One entry per device and direction. cgroup v2 gives bytes and operations in one list (<c>read</c> with
    /// <c>rios</c> and so on), v1 the same word in two lists.
    /// </summary>
    private static List<BlockIoStats> BlockIo(Proto.BlkioStats? from)
    {
        var found = new Dictionary<(ulong Major, ulong Minor, string Operation), (ulong Bytes, ulong Operations)>();
        if (from is not null)
        {
            foreach (var entry in from.IoServiceBytesRecursive)
            {
                var (operation, counts) = Meaning(entry.Op);
                Add(entry, operation, counts ? 0 : entry.Value, counts ? entry.Value : 0);
            }

            foreach (var entry in from.IoServicedRecursive)
                Add(entry, Meaning(entry.Op).Operation, 0, entry.Value);
        }

        return [.. found.Select(static f => new BlockIoStats(f.Key.Major, f.Key.Minor, f.Key.Operation, f.Value.Bytes,
            f.Value.Operations))];

        void Add(Proto.BlkioStatsEntry entry, string operation, ulong bytes, ulong operations)
        {
            var key = (entry.Major, entry.Minor, operation);
            if (found.TryGetValue(key, out var sum))
                found[key] = (sum.Bytes + bytes, sum.Operations + operations);
            else if (found.Count < MaxEntries)
                found[key] = (bytes, operations);
        }
    }

    private static (string Operation, bool Counts) Meaning(string word) => word.ToLowerInvariant() switch
    {
        "read" or "rbytes" => ("read", false),
        "write" or "wbytes" => ("write", false),
        "discard" or "dbytes" => ("discard", false),
        "rios" => ("read", true),
        "wios" => ("write", true),
        "dios" => ("discard", true),
        var other => (UntrustedText.Clean(other, MaxText), false),
    };

    private static List<LinkStats> Links(Proto.StatsContainerResponse response) =>
    [
        .. response.NetworkStats.Take(MaxEntries).Select(static n => new LinkStats(
            UntrustedText.Clean(n.Name, MaxText),
            new LinkCounters(n.RxBytes, n.RxPackets, n.RxErrors, n.RxDropped),
            new LinkCounters(n.TxBytes, n.TxPackets, n.TxErrors, n.TxDropped))),
    ];
}
