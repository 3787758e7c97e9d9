using Kata.Core.Application.Ports;
using Kata.Platform.Protos.Containerd.Cgroups2;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>Figures as cgroup v2 has them: CPU times in microseconds.</summary>
internal static class UnifiedMetrics
{
    private const ulong NanosecondsPerMicrosecond = 1000;

    public static Metrics From(ContainerStats stats)
    {
        var metrics = new Metrics
        {
            Pids = new PidsStat { Current = stats.Pids, Limit = stats.PidsLimit },
            Cpu = new CPUStat
            {
                UsageUsec = stats.Cpu.Total / NanosecondsPerMicrosecond,
                UserUsec = stats.Cpu.User / NanosecondsPerMicrosecond,
                SystemUsec = stats.Cpu.System / NanosecondsPerMicrosecond,
                NrPeriods = stats.Cpu.Periods,
                NrThrottled = stats.Cpu.ThrottledPeriods,
                ThrottledUsec = stats.Cpu.ThrottledTime / NanosecondsPerMicrosecond,
            },
            Memory = Memory(stats.Memory),
            MemoryEvents = new MemoryEvents
            {
                Oom = stats.Memory.OutOfMemoryKills,
                OomKill = stats.Memory.OutOfMemoryKills
            },
            Rdma = new RdmaStat(),
            Io = new IOStat(),
        };

        foreach (var device in stats.BlockIo.GroupBy(entry => (entry.Major, entry.Minor)))
        {
            var usage = new IOEntry { Major = device.Key.Major, Minor = device.Key.Minor };
            foreach (var entry in device)
            {
                if (entry.Operation.Equals("read", StringComparison.OrdinalIgnoreCase))
                    (usage.Rbytes, usage.Rios) = (entry.Bytes, entry.Operations);
                else if (entry.Operation.Equals("write", StringComparison.OrdinalIgnoreCase))
                    (usage.Wbytes, usage.Wios) = (entry.Bytes, entry.Operations);
            }

            metrics.Io.Usage.Add(usage);
        }

        foreach (var pages in stats.Hugepages)
            metrics.Hugetlb.Add(
                new HugeTlbStat
                {
                    Pagesize = pages.PageSize,
                    Current = pages.Usage,
                    Max = pages.MaxUsage,
                    Failcnt = pages.FailureCount
                });
        foreach (var link in stats.Links)
        {
            metrics.Network.Add(new NetworkStat
            {
                Name = link.Name,
                RxBytes = link.Received.Bytes,
                RxPackets = link.Received.Packets,
                RxErrors = link.Received.Errors,
                RxDropped = link.Received.Dropped,
                TxBytes = link.Sent.Bytes,
                TxPackets = link.Sent.Packets,
                TxErrors = link.Sent.Errors,
                TxDropped = link.Sent.Dropped,
            });
        }

        return metrics;
    }

    private static MemoryStat Memory(MemoryStats memory)
    {
        var of = new MemoryDetails(memory.Details);
        return new MemoryStat
        {
            Usage = memory.Usage,
            UsageLimit = memory.Limit,
            MaxUsage = memory.MaxUsage,
            SwapUsage = memory.SwapUsage,
            SwapLimit = memory.SwapLimit,
            Anon = of["anon", "total_rss", "rss"],
            File = of["file", "total_cache", "cache"],
            KernelStack = of["kernel_stack"],
            Slab = of["slab"],
            Sock = of["sock"],
            Shmem = of["shmem"],
            FileMapped = of["file_mapped", "total_mapped_file", "mapped_file"],
            FileDirty = of["file_dirty", "total_dirty", "dirty"],
            FileWriteback = of["file_writeback", "total_writeback", "writeback"],
            AnonThp = of["anon_thp", "total_rss_huge", "rss_huge"],
            InactiveAnon = of["inactive_anon", "total_inactive_anon"],
            ActiveAnon = of["active_anon", "total_active_anon"],
            InactiveFile = of["inactive_file", "total_inactive_file"],
            ActiveFile = of["active_file", "total_active_file"],
            Unevictable = of["unevictable", "total_unevictable"],
            SlabReclaimable = of["slab_reclaimable"],
            SlabUnreclaimable = of["slab_unreclaimable"],
            Pgfault = of["pgfault", "total_pgfault"],
            Pgmajfault = of["pgmajfault", "total_pgmajfault"],
            WorkingsetRefault = of["workingset_refault"],
            WorkingsetActivate = of["workingset_activate"],
            WorkingsetNodereclaim = of["workingset_nodereclaim"],
            Pgrefill = of["pgrefill"],
            Pgscan = of["pgscan"],
            Pgsteal = of["pgsteal"],
            Pgactivate = of["pgactivate"],
            Pgdeactivate = of["pgdeactivate"],
            Pglazyfree = of["pglazyfree"],
            Pglazyfreed = of["pglazyfreed"],
            ThpFaultAlloc = of["thp_fault_alloc"],
            ThpCollapseAlloc = of["thp_collapse_alloc"],
        };
    }
}
