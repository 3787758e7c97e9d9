using CsCheck;
using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class ResourceRulesTests
{
    public static TheoryData<OciResources, string> Nonsense => new()
    {
        { new()
        {
            Cpu = new() { Quota = 999 }
        }, "linux.resources.cpu.quota is 999; it must be at least 1000 microseconds, or -1 for no limit" },
        { new() { Cpu = new() { Period = 999 } }, "linux.resources.cpu.period is 999; *" },
        { new() { Cpu = new() { Period = 1_000_001 } }, "linux.resources.cpu.period is 1000001; *" },
        { new() { Cpu = new() { Cpus = "a" } }, "linux.resources.cpu.cpus is \"a\"; *0-3,8" },
        { new() { Cpu = new() { Cpus = "3-1" } }, "*cpu.cpus*" },
        { new() { Cpu = new() { Cpus = "0,,1" } }, "*cpu.cpus*" },
        { new() { Cpu = new() { Cpus = "0-99999" } }, "*cpu.cpus*" },
        { new() { Cpu = new() { Cpus = "4-7" } }, "*cpu.cpus is \"4-7\"; it must be CPUs of the host, which has 4" },
        { new() { Cpu = new() { Mems = "node0" } }, "*cpu.mems*" },
        { new()
        {
            Memory = new() { Limit = -2 }
        }, "linux.resources.memory.limit is -2; it must be a number of bytes, or -1 for no limit" },
        { new() { Memory = new() { Limit = 200, Swap = 100 } }, "*memory.swap is 100;*which is 200" },
        { new() { Memory = new() { Swappiness = 101 } }, "*swappiness*" },
        { new() { HugepageLimits = [new() { PageSize = "../x", Limit = 1 }] }, "*hugepageLimits.pageSize*" },
        { new() { Unified = new Dictionary<string, string> { ["../../memory.max"] = "1" } }, "*unified*" },
        { new() { Unified = new Dictionary<string, string> { ["cgroup.procs"] = "1" } }, "*unified*" },
        { new() { Unified = new Dictionary<string, string> { ["memory.high"] = "1\n2" } }, "*unified memory.high*" },
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public void Check_when_no_kernel_takes_it_names_field_and_remedy(OciResources limits, string sentence)
    {
        var refused = FluentActions.Invoking(() => ResourceRules.Check(limits, 4)).Should().Throw<KataException>()
            .WithMessage(sentence).Which;

        refused.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public void Check_when_usual_or_unset_passes()
    {
        ResourceRules.Check(new OciResources(), 4);
        ResourceRules.Check(new OciResources
        {
            Cpu = new OciCpu { Shares = 2, Quota = -1, Period = 100_000, Cpus = "0-7", Mems = "0" },
            Memory = new OciMemory { Limit = 0, Swap = -1, Reservation = 5, Swappiness = 60 },
            Pids = new OciPids { Limit = -1 },
            HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 0 }],
            Unified = new Dictionary<string, string> { ["memory.high"] = "max" },
        }, 4);
    }

    [Fact]
    public void Merge_when_only_one_limit_changes_keeps_the_others()
    {
        var present = new OciResources
        {
            Cpu = new OciCpu { Shares = 512, Quota = 50_000, Period = 100_000, Cpus = "0" },
            Memory = new OciMemory { Limit = 100, Swap = 200 },
            Pids = new OciPids { Limit = 10 },
            HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 1 },
                new OciHugepageLimit { PageSize = "1GB", Limit = 2 }],
            Unified = new Dictionary<string, string> { ["memory.high"] = "1", ["memory.low"] = "1" },
        };
        var merged = ResourceRules.Merge(present, new OciResources
        {
            Cpu = new OciCpu { Quota = 70_000, Period = 0, Cpus = "" },
            Memory = new OciMemory { Limit = 300 },
            HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 3 }],
            Unified = new Dictionary<string, string> { ["memory.high"] = "2" },
        });

        merged.Cpu.Should().Be(present.Cpu! with { Quota = 70_000 });
        merged.Memory.Should().Be(present.Memory! with { Limit = 300 });
        merged.Pids.Should().Be(present.Pids);
        merged.HugepageLimits.Select(p => (p.PageSize, p.Limit)).Should().BeEquivalentTo([("2MB", 3ul), ("1GB", 2ul)]);
        merged.Unified.Should().BeEquivalentTo(
            new Dictionary<string, string> { ["memory.high"] = "2", ["memory.low"] = "1" });
    }

    [Fact]
    public void Fold_when_version_2s_files_are_given_makes_limits_of_them()
    {
        var folded = ResourceRules.TranslateUnified(new OciResources
        {
            Cpu = new OciCpu { Quota = 1000, Shares = 2, Cpus = "0" },
            Unified = new Dictionary<string, string>
            {
                ["cpu.max"] = "50000 100000",
                ["cpu.weight"] = "10000",
                ["memory.max"] = "1000",
                ["memory.low"] = "max",
                ["memory.swap.max"] = "10",
                ["pids.max"] = "max",
                ["memory.high"] = "5",
            },
        });

        folded.Cpu.Should().Be(new OciCpu { Quota = 50_000, Period = 100_000, Shares = 262_144, Cpus = "0" });
        folded.Memory.Should().Be(new OciMemory { Limit = 1000, Reservation = -1, Swap = 1010 });
        folded.Pids!.Limit.Should().Be(-1);
        folded.Unified.Should().BeEmpty();
        ResourceRules.TranslateUnified(
            new OciResources { Unified = new Dictionary<string, string> { ["cpu.max"] = "max" } })
            .Cpu!.Quota.Should().Be(-1);
        ResourceRules.TranslateUnified(
            new OciResources
            {
                Unified = new Dictionary<string,
                string>
                { ["cpu.max"] = "much", ["memory.max"] = "-1" }
            })
            .Should().Match<OciResources>(r => r.Cpu!.Quota == null && r.Memory!.Limit == null);
    }

    [Fact]
    public void CpuList_written_and_read_is_the_same() => Gen.Int[0, 300].Array[0, 40].Sample(numbers =>
        CpuList.TryParse(string.Join(',', numbers), out var list) && CpuList.TryParse(list.ToString(), out var again)
        && list.Equals(again) && list.Count == numbers.Distinct().Count());
}
