using CsCheck;
using FluentAssertions;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class SizingTests
{
    private const long Mib = 1024 * 1024;

    [Fact]
    public void Size_when_nothing_is_asked_for_is_the_settings() =>
        Sizing.ForSandbox(1, 0, 512, 0, 10, 8, new OciSpec()).Should().Be(new VmResources(1, 8, 512, 512, 10));

    [Theory]
    [InlineData(150_000, 100_000, 3)]
    [InlineData(100_000, 100_000, 2)]
    [InlineData(1, 100_000, 2)]
    [InlineData(-1, 100_000, 1)]
    [InlineData(0, 100_000, 1)]
    [InlineData(100_000, 0, 1)]
    [InlineData(10_000_000, 100_000, 8)]
    [InlineData(long.MaxValue, 100_000, 8)]
    public void Vcpus_when_limited_are_the_base_and_the_limit_rounded_up(long quota, long period, int vcpus) =>
        Sizing.ForSandbox(1, 0, 512, 0, 0, 8, Spec(quota, (ulong)period, null)).Vcpus.Should().Be(vcpus);

    [Theory]
    [InlineData(0L, 512)]
    [InlineData(1L, 513)]
    [InlineData(256 * Mib, 768)]
    [InlineData(256 * Mib + 1, 769)]
    [InlineData(-1L, 512)]
    [InlineData(long.MaxValue, 512)]
    [InlineData(0x7FFFFFFFFFFFF000L, 512)]
    public void Memory_when_limited_is_the_base_and_the_limit_rounded_up(long limit, int mib) =>
        Sizing.ForSandbox(1, 0, 512, 0, 0, 8, Spec(null, null, limit)).MemoryMib.Should().Be(mib);

    [Fact]
    public void Annotations_of_the_pod_when_present_win_over_the_containers_own()
    {
        var spec = Spec(400_000, 100_000, 1024 * Mib) with
        {
            Annotations = new Dictionary<string, string>
            {
                ["io.kubernetes.cri.sandbox-cpu-quota"] = "200000",
                ["io.kubernetes.cri.sandbox-cpu-period"] = "100000",
                ["io.kubernetes.cri.sandbox-memory"] = "134217728",
            },
        };

        Sizing.ForSandbox(1, 0, 512, 0, 0, 8, spec).Should().Be(new VmResources(3, 8, 640, 640, 0));
    }

    [Fact]
    public void Annotation_when_it_is_no_number_is_passed_over()
    {
        var spec = new OciSpec { Annotations = new Dictionary<string, string> { ["io.kubernetes.cri.sandbox-memory"] = "much" } };

        Sizing.ForSandbox(1, 0, 512, 0, 0, 8, spec).MemoryMib.Should().Be(512);
    }

    [Fact]
    public void Size_of_anything_is_within_its_bounds() =>
        Gen.Select(Gen.Int[-2, 300], Gen.Int[0, 300], Gen.Int[1, 256], Gen.Long, Gen.ULong, Gen.Long).Sample((vcpus, max, host, quota, period, memory) =>
        {
            var size = Sizing.ForSandbox(vcpus, max, 512, 0, 0, host, Spec(quota, period, memory));
            return size.Vcpus >= 1 && size.Vcpus <= size.MaxVcpus && size.MaxVcpus <= host && size.MemoryMib >= 512 && size.MaxMemoryMib >= size.MemoryMib;
        }, iter: 5000);

    private static OciSpec Spec(long? quota, ulong? period, long? memory) => new()
    {
        Linux = new OciLinux
        {
            Resources = new OciResources { Cpu = new OciCpu { Quota = quota, Period = period }, Memory = new OciMemory { Limit = memory } },
        },
    };
}
