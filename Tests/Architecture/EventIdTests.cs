using FluentAssertions;
using Xunit;

namespace Kata.Tests.Architecture;

/// <summary>Whoever finds an event id in a log finds one message in the sources.</summary>
public sealed class EventIdTests
{
    private static readonly (string Path, string Text)[] Sources =
        [.. Repository.Files("", ".cs").Where(path => !path.StartsWith("Tests", StringComparison.Ordinal))
            .Select(path => (path, Repository.Read(path)))];

    [Fact]
    public void Event_ids_of_all_projects_are_distinct_and_in_the_range_that_their_class_claims() =>
        EventIds.Complaints(Sources).Should().BeEmpty();

    [Fact]
    public void Log_messages_all_have_an_event_id() =>
        Sources.Where(source => EventIds.Count(source.Text) != source.Text.Split("[LoggerMessage(").Length - 1)
            .Select(source => source.Path)
            .Should().BeEmpty();

    [Fact]
    public void Checker_when_ids_collide_stray_or_claim_nothing_complains()
    {
        const string one = "/// <summary>Event ids 10 to 19.</summary> [LoggerMessage(10, x)] [LoggerMessage(EventId = 20, x)]";

        EventIds.Complaints([("One.cs", one), ("Two.cs", "[LoggerMessage(10, x)]")]).Should().Equal(
            "One.cs has 20, which is not between 10 and 19", "Two.cs claims no range of event ids");
        EventIds.Complaints(
            [("One.cs", "Event ids 10 to 19. [LoggerMessage(10)]"),
                ("Two.cs", "Event ids 19 to 29. [LoggerMessage(10)]")]).Should().Equal(
            "Two.cs claims 19 to 29, of which One.cs has a part", "Two.cs has 10, which is not between 19 and 29",
            "Two.cs has 10, which One.cs has too");
    }
}
