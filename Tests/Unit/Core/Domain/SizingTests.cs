using CsCheck;
using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class SizingTests
{
    private const long Mib = 1024 * 1024;

    private static readonly MachineBounds Usual = new(1, 8, 512, 4096, 10, Fixed: false);

    [Fact]
    public void Size_when_nothing_is_asked_for_is_the_settings() =>
        Sizing.AtStart(Usual, Workload.None).Should().Be(new VmResources(1, 8, 512, 4096, 10));

    [Theory]
    [InlineData(1, 0, 4, 1, 4)]
    [InlineData(1, 64, 4, 1, 4)]
    [InlineData(9, 2, 4, 2, 2)]
    [InlineData(-1, 0, 4, 4, 4)]
    [InlineData(0, 3, 4, 3, 3)]
    public void Bounds_are_what_settings_and_host_allow(int vcpus, int most, int host, int expected, int expectedMost)
    {
        var bounds = MachineBounds.Of(vcpus, most, 512, 0, 0, false, host);

        (bounds.Vcpus, bounds.MaxVcpus).Should().Be((expected, expectedMost));
    }

    [Theory]
    [InlineData(150_000, 100_000, 3)]
    [InlineData(100_000, 100_000, 2)]
    [InlineData(1, 100_000, 2)]
    [InlineData(-1, 100_000, 1)]
    [InlineData(0, 100_000, 1)]
    [InlineData(100_000, 0, 2)]
    [InlineData(10_000_000, 100_000, 8)]
    [InlineData(long.MaxValue, 100_000, 8)]
    public void Vcpus_when_limited_are_the_base_and_the_limit_rounded_up(long quota, long period, int vcpus) =>
        Sizing.AtStart(Usual, Workload.Of(Limits(quota, (ulong)period, null))).Vcpus.Should().Be(vcpus);

    [Theory]
    [InlineData(0L, 512)]
    [InlineData(1L, 513)]
    [InlineData(256 * Mib, 768)]
    [InlineData(256 * Mib + 1, 769)]
    [InlineData(-1L, 512)]
    [InlineData(long.MaxValue, 512)]
    [InlineData(0x7FFFFFFFFFFFF000L, 512)]
    public void Memory_when_limited_is_the_base_and_the_limit_rounded_up(long limit, int mib) =>
        Sizing.AtStart(Usual, Workload.Of(Limits(null, null, limit))).MemoryMib.Should().Be(mib);

    [Fact]
    public void Memory_when_huge_pages_are_limited_has_room_for_them_too()
    {
        var limits = Limits(null, null, 100 * Mib) with
        {
            HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 64 * (ulong)Mib },
                new OciHugepageLimit { PageSize = "1GB", Limit = 0 }],
        };

        Sizing.Memory(Usual, Workload.Of(limits)).Should().Be(512 + 100 + 64);
    }

    [Fact]
    public void Size_when_fixed_has_no_room_to_grow() =>
        Sizing.AtStart(Usual with { Fixed = true }, Workload.Of(Limits(200_000, 100_000, 256 * Mib)))
            .Should().Be(new VmResources(3, 3, 768, 768, 0));

    [Fact]
    public void Size_when_beyond_the_maximum_is_refused_with_the_figures()
    {
        var refused = FluentActions.Invoking(() => Sizing.AtStart(Usual, Workload.Of(Limits(null, null, 8192 * Mib))))
            .Should().Throw<KataException>().Which;

        refused.Kind.Should().Be(ErrorKind.ResourceExhausted);
        refused.Message.Should().Contain("8704 MiB").And.Contain("8192 MiB").And.Contain("default_memory, 512 MiB")
            .And.Contain("default_maxmemory allows 4096 MiB");
    }

    [Fact]
    public void Pod_when_annotated_is_promised_its_annotations() =>
        Workload.FromPodAnnotations(Annotations("200000", "100000", "134217728"))
            .Should().Be(new Workload(2, 128, CpuList.Empty));

    [Fact]
    public void Pod_when_not_annotated_is_told_from_one_without_limits()
    {
        Workload.FromPodAnnotations(new Dictionary<string, string>()).Should().BeNull();
        Workload.FromPodAnnotations(Annotations("0", "100000", "0")).Should().Be(Workload.None);
    }

    [Fact]
    public void Annotation_when_it_is_no_number_counts_as_none() =>
        Workload.FromPodAnnotations(Annotations("much", "100000", "")).Should().Be(Workload.None);

    [Fact]
    public void Pod_when_its_cpus_are_exclusive_is_promised_its_shares() =>
        Workload.FromPodAnnotations(
            new Dictionary<string,
            string>(Annotations("-1", "100000",
                "0"))
            { ["io.kubernetes.cri.sandbox-cpu-shares"] = "1536" })!.Cpus.Should().Be(2);

    [Fact]
    public void Sum_of_thirds_is_not_one_cpu_more()
    {
        var third = Workload.Of(Limits(1, 3, null));
        var twoThirds = Workload.Of(Limits(2, 3, null));

        Sizing.Vcpus(Usual, Workload.Sum([third, third, third])).Should().Be(2);
        Sizing.Vcpus(Usual, Workload.Sum([twoThirds, twoThirds, twoThirds])).Should().Be(3);
    }

    [Fact]
    public void Vcpus_when_only_bound_to_cpus_are_as_many_as_those()
    {
        var sum = Workload.Sum([Bound("0-2"), Bound("2,3")]);

        sum.Cpuset.ToString().Should().Be("0-3");
        Sizing.Vcpus(Usual, sum).Should().Be(4);
    }

    [Fact]
    public void Workload_when_told_twice_counts_once()
    {
        var pod = new Workload(2, 256, CpuList.Empty);

        Sizing.Memory(Usual, Workload.Sum([new(0.5m, 100, CpuList.Empty), new(1, 100, CpuList.Empty)]).Max(pod))
            .Should().Be(512 + 256);
        Sizing.Vcpus(Usual, Workload.Sum([new(2, 100, CpuList.Empty), new(1, 200, CpuList.Empty)]).Max(pod))
            .Should().Be(4);
    }

    [Theory]
    [InlineData(512, 513, 128, 0, 640)]
    [InlineData(512, 640, 128, 0, 640)]
    [InlineData(513, 641, 128, 0, 641)]
    [InlineData(512, 600, 2048, 0, 2560)]
    [InlineData(512, 512, 128, 0, 512)]
    [InlineData(512, 9000, 128, 0, 4096)]
    [InlineData(600, 4090, 128, 0, 4056)]
    [InlineData(512, 600, 128, 10, 512)]
    [InlineData(1024, 1025, 128, 5, 1536)]
    public void Memory_grows_in_whole_blocks_within_the_bounds(
        int present, int wanted, int block, int slotsUsed, int next) =>
        Sizing.NextMemory(new VmResources(1, 1, present, 4096, 10), wanted, block, slotsUsed).Should().Be(next);

    [Fact]
    public void Memory_grows_by_no_more_than_its_page_descriptors_have_room_for() =>
        Sizing.NextMemory(new VmResources(1, 1, 512, 1_000_000, 10), 900_000, 128, 0).Should().Be(512 + (48 * 512));

    [Fact]
    public void Size_of_anything_is_within_its_bounds() =>
        Gen.Select(
            Gen.Int[-2, 300], Gen.Int[0, 300], Gen.Int[1, 256], Gen.Long, Gen.ULong,
            Gen.Long[long.MinValue, 1L << 50]).Sample((vcpus, max, host, quota, period, memory) =>
        {
            var size = Sizing.AtStart(
                MachineBounds.Of(vcpus, max, 512, 0, 0, false, host), Workload.Of(Limits(quota, period, memory)));
            return size.Vcpus >= 1 && size.Vcpus <= size.MaxVcpus && size.MaxVcpus <= host && size.MemoryMib >= 512
                && size.MaxMemoryMib >= size.MemoryMib;
        }, iter: 5000);

    [Fact]
    public void Steps_reach_what_is_wanted_or_stop_at_a_bound() =>
        Gen.Select(Gen.Int[64, 8192], Gen.Int[0, 65536], Gen.Int[64, 200_000], Gen.Int[0, 20], Gen.Int[0, 4])
            .Sample((start, room, wanted, slots, blockPower) =>
        {
            var block = 128 << blockPower;
            var size = new VmResources(1, 1, start, start + room, slots);
            var used = 0;
            while (Sizing.NextMemory(size, wanted, block, used) is var next && next != size.MemoryMib)
            {
                if (next < size.MemoryMib || (next - size.MemoryMib) % block != 0 || next > size.MaxMemoryMib
                    || used >= slots)
                    return false;
                size = size with { MemoryMib = next };
                used++;
            }

            return size.MemoryMib >= wanted || used == slots || size.MaxMemoryMib - size.MemoryMib < block
                || size.MemoryMib * 48L < block;
        }, iter: 5000);

    private static Workload Bound(string cpus) => Workload.Of(new OciResources { Cpu = new OciCpu { Cpus = cpus } });

    private static Dictionary<string, string> Annotations(string quota, string period, string memory) => new()
    {
        ["io.kubernetes.cri.sandbox-cpu-quota"] = quota,
        ["io.kubernetes.cri.sandbox-cpu-period"] = period,
        ["io.kubernetes.cri.sandbox-memory"] = memory,
    };

    private static OciResources Limits(long? quota, ulong? period, long? memory) =>
        new() { Cpu = new OciCpu { Quota = quota, Period = period }, Memory = new OciMemory { Limit = memory } };
}
