using CsCheck;
using FluentAssertions;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>Which vCPUs stand for CPUs of the host.</summary>
public sealed class VcpuChoiceTests
{
    [Theory]
    [InlineData(0, "", new string[0], "")]
    [InlineData(1, "", new string[0], "0")]
    [InlineData(1, "", new[] { "0" }, "1")]
    [InlineData(2, "", new[] { "0", "1-2" }, "0,3")]
    [InlineData(1, "2", new string[0], "2")]
    [InlineData(1, "0", new[] { "0-1" }, "2")]
    [InlineData(3, "1", new string[0], "0-2")]
    [InlineData(64, "", new[] { "0" }, "0-3")]
    [InlineData(1, "7", new string[0], "0")]
    public void Choose_takes_the_least_used_of_four_then_those_it_has_then_the_lowest(
        int hostCpus, string present, string[] others, string chosen) =>
        VcpuChoice.Choose(hostCpus, 4, List(present), [.. others.Select(List)]).ToString().Should().Be(chosen);

    [Fact]
    public void Choose_gives_as_many_as_can_be_evenly() =>
        Gen.Select(Gen.Int[1, 16], Gen.Int[1, 4].Array[1, 12]).Sample((vcpus, wishes) =>
        {
            var sets = new List<CpuList>();
            foreach (var wish in wishes)
                sets.Add(VcpuChoice.Choose(wish, vcpus, CpuList.Empty, sets));

            var uses = Enumerable.Range(0, vcpus).Select(vcpu => sets.Count(set => set.Contains(vcpu))).ToList();
            return sets.Select(set => set.Count).SequenceEqual(wishes.Select(wish => Math.Min(wish, vcpus)))
                && sets.All(set => set.Highest < vcpus) && uses.Max() - uses.Min() <= 1;
        });

    private static CpuList List(string text) =>
        CpuList.TryParse(text, out var list) ? list : throw new FormatException(text);
}
