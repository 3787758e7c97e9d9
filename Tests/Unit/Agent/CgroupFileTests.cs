using FluentAssertions;
using Kata.Apps.Agent.Cgroups;
using Xunit;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Agent;

public class CgroupFileTests
{
    [Fact]
    public void ParseFlatKeyed_when_lines_are_odd_takes_the_others()
    {
        var values = CgroupFile.ParseFlatKeyed("usage_usec 12\nuser_usec 7\nbroken\nnegative -3\nlast 9");

        values.Should().BeEquivalentTo(
            new Dictionary<string, ulong> { ["usage_usec"] = 12, ["user_usec"] = 7, ["last"] = 9 });
    }

    [Theory]
    [InlineData("4096\n", 4096UL)]
    [InlineData("max\n", 77UL)]
    [InlineData("", 0UL)]
    public void ParseSingle_reads_a_number_or_no_limit(string text, ulong expected) =>
        CgroupFile.ParseSingle(text, unlimited: 77).Should().Be(expected);

    [Fact]
    public void ParseIoStat_gives_each_figure_of_each_device()
    {
        var values = CgroupFile.ParseIoStat("8:0 rbytes=10 wbytes=20 rios=1\n254:16 dbytes=5 odd\nnot a line\n");

        values.Should().Equal(
            new IoStatValue(8, 0, "rbytes", 10),
            new IoStatValue(8, 0, "wbytes", 20),
            new IoStatValue(8, 0, "rios", 1),
            new IoStatValue(254, 16, "dbytes", 5));
    }

    [Fact]
    public void Stats_when_the_cgroup_is_gone_has_nothing()
    {
        var stats = new ContainerCgroup("/does/not/exist").Stats();

        stats.Should().Be(new Oci.CgroupStats());
    }

    [Fact]
    public void KillAll_when_the_cgroup_is_gone_has_nothing_to_kill() =>
        new ContainerCgroup("/does/not/exist").KillAll();

    [Fact]
    public void KillAll_when_the_kernel_does_not_take_it_fails()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            // Nothing can be written there, as with no descriptor left.
            directory.CreateSubdirectory("cgroup.kill");

            var kill = () => new ContainerCgroup(directory.FullName).KillAll();

            kill.Should().Throw<IOException>();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Stats_reads_the_files_of_the_cgroup()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            void Write(string file, string text) => File.WriteAllText(Path.Combine(directory.FullName, file), text);
            Write(
                "cpu.stat",
                "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 4\nnr_throttled 1\nthrottled_usec 6\n");
            Write("memory.current", "1000\n");
            Write("memory.max", "max\n");
            Write("memory.stat", "file 300\nanon 700\n");
            Write("pids.current", "3\n");
            Write("pids.max", "100\n");
            Write("io.stat", "8:0 rbytes=1 wbytes=2\n");

            var stats = new ContainerCgroup(directory.FullName).Stats();

            stats.CpuStats.CpuUsage.TotalUsage.Should().Be(5000);
            stats.CpuStats.ThrottlingData.ThrottledTime.Should().Be(6000);
            stats.MemoryStats.Usage.Usage.Should().Be(1000);
            stats.MemoryStats.Usage.Limit.Should().Be(ulong.MaxValue);
            stats.MemoryStats.Cache.Should().Be(300);
            stats.MemoryStats.Stats["anon"].Should().Be(700);
            stats.PidsStats.Should().Be(new Oci.PidsStats { Current = 3, Limit = 100 });
            stats.BlkioStats.IoServiceBytesRecursive.Select(e => e.Op).Should().Equal("read", "write");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Writes_when_swap_is_given_takes_memory_off_it()
    {
        var writes = ResourceLimits.Writes(
            new Oci.LinuxResources { Memory = new Oci.LinuxMemory { Limit = 64, Swap = 100 } },
            currentMemoryLimit: null);

        writes.Should().Equal(("memory.swap.max", "36"), ("memory.max", "64"));
    }

    [Fact]
    public void Writes_when_a_limit_is_negative_lifts_it()
    {
        var writes = ResourceLimits.Writes(
            new Oci.LinuxResources
            {
                Memory = new Oci.LinuxMemory { Limit = -1, Swap = -1 },
                Pids = new Oci.LinuxPids { Limit = -1 },
                CPU = new Oci.LinuxCPU { Quota = -1, Period = 100000 },
            },
            currentMemoryLimit: 5);

        writes.Should().Equal(
            ("cpu.max", "max 100000"), ("memory.swap.max", "max"), ("memory.max", "max"), ("pids.max", "max"));
    }

    [Fact]
    public void Writes_when_processors_are_named_binds_to_them() =>
        ResourceLimits.Writes(
            new Oci.LinuxResources { CPU = new Oci.LinuxCPU { Cpus = "0,2-3", Mems = "1" } }, currentMemoryLimit: null)
            .Should().Equal(("cpuset.cpus", "0,2-3"));

    [Fact]
    public void Writes_when_nothing_is_set_is_empty() =>
        ResourceLimits.Writes(
            new Oci.LinuxResources { Memory = new(), CPU = new(), Pids = new() },
            currentMemoryLimit: 5).Should().BeEmpty();

    [Theory]
    [InlineData(2UL, 1UL)]
    [InlineData(1024UL, 39UL)]
    [InlineData(262144UL, 10000UL)]
    [InlineData(ulong.MaxValue, 10000UL)]
    public void WeightOf_maps_the_old_scale_to_the_new(ulong shares, ulong weight) =>
        ResourceLimits.WeightOf(shares).Should().Be(weight);
}
