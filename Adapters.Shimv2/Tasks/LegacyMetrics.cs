using Kata.Core.Application.Ports;
using Kata.Platform.Protos.Containerd.Cgroups1;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>Figures as cgroup v1 has them: CPU times in nanoseconds.</summary>
internal static class LegacyMetrics
{
    public static Metrics From(ContainerStats stats)
    {
        var metrics = new Metrics
        {
            Pids = new PidsStat { Current = stats.Pids, Limit = stats.PidsLimit },
            Cpu = new CPUStat
            {
                Usage = new CPUUsage { Total = stats.Cpu.Total, Kernel = stats.Cpu.System, User = stats.Cpu.User },
                Throttling = new Throttle
                {
                    Periods = stats.Cpu.Periods,
                    ThrottledPeriods = stats.Cpu.ThrottledPeriods,
                    ThrottledTime = stats.Cpu.ThrottledTime,
                },
            },
            Memory = Memory(stats.Memory),
            MemoryOomControl = new MemoryOomControl { OomKill = stats.Memory.OutOfMemoryKills },
            Blkio = new BlkIOStat(),
            Rdma = new RdmaStat(),
            CgroupStats = new CgroupStats(),
        };

        foreach (var entry in stats.BlockIo)
        {
            metrics.Blkio.IoServiceBytesRecursive.Add(
                new BlkIOEntry { Op = entry.Operation, Major = entry.Major, Minor = entry.Minor, Value = entry.Bytes });
            metrics.Blkio.IoServicedRecursive.Add(
                new BlkIOEntry
                {
                    Op = entry.Operation,
                    Major = entry.Major,
                    Minor = entry.Minor,
                    Value = entry.Operations
                });
        }

        foreach (var pages in stats.Hugepages)
            metrics.Hugetlb.Add(
                new HugetlbStat
                {
                    Pagesize = pages.PageSize,
                    Usage = pages.Usage,
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
        var stat = new MemoryStat
        {
            Usage = new MemoryEntry { Usage = memory.Usage, Limit = memory.Limit, Max = memory.MaxUsage },
            Swap = new MemoryEntry { Usage = memory.SwapUsage, Limit = memory.SwapLimit },
            Kernel = new MemoryEntry(),
            KernelTcp = new MemoryEntry(),
            HierarchicalMemoryLimit = memory.Limit,
            HierarchicalSwapLimit = memory.SwapLimit,
            Cache = of["cache", "file"],
            Rss = of["rss", "anon"],
            RssHuge = of["rss_huge", "anon_thp"],
            MappedFile = of["mapped_file", "file_mapped"],
            Dirty = of["dirty", "file_dirty"],
            Writeback = of["writeback", "file_writeback"],
            PgPgIn = of["pgpgin"],
            PgPgOut = of["pgpgout"],
            PgFault = of["pgfault"],
            PgMajFault = of["pgmajfault"],
            InactiveAnon = of["inactive_anon"],
            ActiveAnon = of["active_anon"],
            InactiveFile = of["inactive_file"],
            ActiveFile = of["active_file"],
            Unevictable = of["unevictable"],
        };

        // v2 counts hierarchically in the plain names; v1 has names of their own for that.
        stat.TotalCache = of["total_cache", "cache", "file"];
        stat.TotalRss = of["total_rss", "rss", "anon"];
        stat.TotalRssHuge = of["total_rss_huge", "rss_huge", "anon_thp"];
        stat.TotalMappedFile = of["total_mapped_file", "mapped_file", "file_mapped"];
        stat.TotalDirty = of["total_dirty", "dirty", "file_dirty"];
        stat.TotalWriteback = of["total_writeback", "writeback", "file_writeback"];
        stat.TotalPgPgIn = of["total_pgpgin", "pgpgin"];
        stat.TotalPgPgOut = of["total_pgpgout", "pgpgout"];
        stat.TotalPgFault = of["total_pgfault", "pgfault"];
        stat.TotalPgMajFault = of["total_pgmajfault", "pgmajfault"];
        stat.TotalInactiveAnon = of["total_inactive_anon", "inactive_anon"];
        stat.TotalActiveAnon = of["total_active_anon", "active_anon"];
        stat.TotalInactiveFile = of["total_inactive_file", "inactive_file"];
        stat.TotalActiveFile = of["total_active_file", "active_file"];
        stat.TotalUnevictable = of["total_unevictable", "unevictable"];
        return stat;
    }
}
