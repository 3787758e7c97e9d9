using FluentAssertions;
using Kata.Apps.Agent.Upkeep;
using Xunit;

namespace Kata.Tests.Unit.Agent;

public class GuestCpusTests
{
    [Theory]
    [InlineData("0\n", 1)]
    [InlineData("0-3\n", 4)]
    [InlineData("0-2,5,7-8", 6)]
    [InlineData("", 0)]
    [InlineData("x-y", 0)]
    public void CountRanges_counts_what_a_list_names(string list, int count) =>
        GuestCpus.CountRanges(list).Should().Be(count);
}
