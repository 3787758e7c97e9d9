using FluentAssertions;
using Kata.Tests.Parity.AgentCalls;
using Xunit;

namespace Kata.Tests.Parity;

/// <summary>Our calls to the agent against those that upstream's shim made for the same requests.</summary>
public sealed class AgentCallsParityTests
{
    public static TheoryData<string> LifeNames => new(Lives.Names);

    [Theory]
    [MemberData(nameof(LifeNames))]
    public void Life_when_requests_are_the_same_differs_only_where_meant(string name)
    {
        var unexplained = Differences(name)
            .Where(d => !AgentDifferences.Table.Any(entry => entry.Covers(d.IsOurs, d.Fact)))
            .Select(d => $"only {(d.IsOurs ? "ours" : "upstream's")}: {d.Fact}");

        string.Join('\n', unexplained).Should().BeEmpty();
    }

    [Fact]
    public void Table_when_compared_with_all_lives_has_no_entry_too_many()
    {
        var all = Lives.Names.SelectMany(Differences).ToList();

        AgentDifferences.Table.Where(entry => !all.Any(d => entry.Covers(d.IsOurs, d.Fact))).Should().BeEmpty();
        AgentDifferences.Table.Should().OnlyContain(entry => entry.Reason.Length > 10);
    }

    private static IEnumerable<(bool IsOurs, string Fact)> Differences(string name) =>
        CallFacts.Differences(new Recording(name).Calls(), Lives.Of(name).Calls);
}
