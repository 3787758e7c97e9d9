using FluentAssertions;
using Kata.Tests.Parity.AgentCalls;
using Xunit;
using static Kata.Tests.Parity.IntendedDifference;

namespace Kata.Tests.Parity;

/// <summary>
/// The events that containerd gets from us, in their order, against those that it got from upstream's shim for the same
/// requests.
/// </summary>
public sealed class EventsParityTests
{
    private static readonly IReadOnlyList<IntendedDifference> Table =
    [
        Upstreams(
            "/tasks/exec-added container_id=pod exec_id=e5",
            "an exec of a paused container is refused when it is asked for, not when it is started"),
    ];

    public static TheoryData<string> LifeNames => new(Lives.Names);

    [Theory]
    [MemberData(nameof(LifeNames))]
    public void Life_when_requests_are_the_same_tells_the_same_events_but_where_meant(string name)
    {
        var unexplained = Differences(name)
            .Where(d => !Table.Any(entry => entry.Covers(d.IsOurs, d.Fact)))
            .Select(d => $"only {(d.IsOurs ? "ours" : "upstream's")}: {d.Fact}");

        string.Join('\n', unexplained).Should().BeEmpty();
    }

    [Fact]
    public void Table_when_compared_with_all_lives_has_no_entry_too_many()
    {
        var all = Lives.Names.SelectMany(Differences).ToList();

        Table.Should().OnlyContain(entry => all.Any(d => entry.Covers(d.IsOurs, d.Fact)));
    }

    private static IEnumerable<(bool IsOurs, string Fact)> Differences(string name)
    {
        var (upstream, ours) = (new Recording(name).Events(), Lives.Of(name).Events);
        return CallFacts.Align(upstream, ours)
            .Where(pair => pair.Their is null || pair.Own is null)
            .Select(pair => pair.Own is { } own ? (true, ours[own]) : (false, upstream[pair.Their!.Value]));
    }
}
