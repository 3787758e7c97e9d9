using FluentAssertions;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Xunit;
using V1 = Kata.Platform.Protos.Containerd.Cgroups1;
using V2 = Kata.Platform.Protos.Containerd.Cgroups2;

namespace Kata.Tests.Unit.Shimv2;

public sealed class StatsMappingTests
{
    private static readonly ContainerStats Stats = new()
    {
        Cpu = new CpuStats(
            Total: 5_000_000, User: 3_000_000, System: 2_000_000, Periods: 7, ThrottledPeriods: 2,
            ThrottledTime: 9_000),
        Memory = new MemoryStats(Usage: 100, Limit: 200, MaxUsage: 150, SwapUsage: 1, SwapLimit: 2, OutOfMemoryKills: 3)
        {
            Details = new Dictionary<string,
            ulong>
            { ["anon"] = 40, ["file"] = 30, ["inactive_file"] = 20, ["pgfault"] = 11, ["pgmajfault"] = 12 },
        },
        Pids = 4,
        PidsLimit = 64,
        BlockIo = [new BlockIoStats(8, 1, "Read", 1000, 10), new BlockIoStats(8, 1, "Write", 2000, 20)],
        Links = [new LinkStats("eth0", new LinkCounters(1, 2, 3, 4), new LinkCounters(5, 6, 7, 8))],
        Hugepages = [new HugepageStats("2MB", 1, 2, 3)],
    };

    [Fact]
    public void ToAny_on_a_unified_host_is_version_2_in_microseconds()
    {
        var any = StatsMapping.ToAny(new GetContainerStatsReply(Stats, Unified: true));

        any.TypeUrl.Should().Be("io.containerd.cgroups.v2.Metrics");
        var metrics = V2.Metrics.Parser.ParseFrom(any.Value);
        metrics.Cpu.Should().Match<V2.CPUStat>(
            c => c.UsageUsec == 5000 && c.UserUsec == 3000 && c.SystemUsec == 2000 && c.ThrottledUsec == 9);
        metrics.Memory.Should().Match<V2.MemoryStat>(
            m => m.Usage == 100 && m.UsageLimit == 200 && m.InactiveFile == 20 && m.Anon == 40 && m.Pgfault == 11);
        metrics.MemoryEvents.OomKill.Should().Be(3);
        metrics.Pids.Should().Match<V2.PidsStat>(p => p.Current == 4 && p.Limit == 64);
        metrics.Io.Usage.Should().ContainSingle().Which.Should().Match<V2.IOEntry>(
            e => e.Rbytes == 1000 && e.Rios == 10 && e.Wbytes == 2000 && e.Wios == 20);
        metrics.Network.Should().ContainSingle().Which.TxDropped.Should().Be(8);
        metrics.Hugetlb.Should().ContainSingle().Which.Pagesize.Should().Be("2MB");
    }

    [Fact]
    public void ToAny_on_a_legacy_host_is_version_1_in_nanoseconds_with_hierarchical_names()
    {
        var any = StatsMapping.ToAny(new GetContainerStatsReply(Stats, Unified: false));

        any.TypeUrl.Should().Be("io.containerd.cgroups.v1.Metrics");
        var metrics = V1.Metrics.Parser.ParseFrom(any.Value);
        metrics.Cpu.Usage.Should().Match<V1.CPUUsage>(
            c => c.Total == 5_000_000 && c.Kernel == 2_000_000 && c.User == 3_000_000);
        metrics.Memory.Should().Match<V1.MemoryStat>(m =>
            m.Usage.Usage == 100 && m.Usage.Limit == 200 && m.TotalRss == 40 && m.TotalCache == 30
                && m.TotalInactiveFile == 20 && m.TotalPgFault == 11 && m.TotalPgMajFault == 12);
        metrics.MemoryOomControl.OomKill.Should().Be(3);
        metrics.Blkio.IoServiceBytesRecursive.Should().HaveCount(2);
    }

    [Fact]
    public void ToAny_of_nothing_holds_every_part()
    {
        var v2 = V2.Metrics.Parser.ParseFrom(
            StatsMapping.ToAny(new GetContainerStatsReply(new ContainerStats(), true)).Value);
        var v1 = V1.Metrics.Parser.ParseFrom(
            StatsMapping.ToAny(new GetContainerStatsReply(new ContainerStats(), false)).Value);

        ((object?[])[v2.Pids, v2.Cpu, v2.Memory, v2.Rdma, v2.Io, v2.MemoryEvents]).Should().NotContainNulls();
        ((object?[])
        [
            v1.Pids, v1.Cpu, v1.Cpu?.Usage, v1.Cpu?.Throttling, v1.Memory, v1.Memory?.Usage, v1.Memory?.Swap,
            v1.Memory?.Kernel, v1.Memory?.KernelTcp,
            v1.Blkio, v1.Rdma, v1.CgroupStats, v1.MemoryOomControl,
        ]).Should().NotContainNulls();
    }
}
