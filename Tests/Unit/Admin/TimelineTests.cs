using FluentAssertions;
using Kata.Apps.Admin.Commands;
using Xunit;

namespace Kata.Tests.Unit.Admin;

public class TimelineTests
{
    private static readonly string[] First =
    [
        """{"phase":"claim","event":"begin","ms":2,"container":"pod"}""",
        """{"phase":"claim","event":"end","ms":3,"container":"pod"}""",
        """{"phase":"create-container","event":"begin","ms":900,"container":"pod"}""",
        """{"phase":"create-container","event":"end","ms":1000,"container":"pod"}""",
    ];

    [Fact]
    public void Draw_of_a_pod_with_two_containers_counts_each_from_its_own_begin()
    {
        var lines = Timeline.Draw(
        [
            .. First,
            """{"phase":"prepare","event":"begin","ms":1,"container":"c1"}""",
            """{"phase":"prepare","event":"end","ms":5,"container":"c1"}""",
            """{"phase":"create-container","event":"begin","ms":10,"container":"c1"}""",
            """{"phase":"create-container","event":"end","ms":60,"container":"c1"}""",
        ]).ToList();

        lines.Select(line => line.Split(' ')[0])
            .Should().Equal("container", "claim", "create-container", "container", "prepare", "create-container");
        lines[2].Should().EndWith(" 100.0 ms");
        lines[5].Should().EndWith(" 50.0 ms");
    }

    [Fact]
    public void Draw_of_a_container_whose_id_has_come_again_shows_its_last_creation()
    {
        var lines = Timeline.Draw(
        [
            .. First,
            """{"phase":"claim","event":"begin","container":"pod"}""",
            """{"phase":"claim","event":"end","ms":7,"container":"pod"}""",
        ]).ToList();

        lines.Should().HaveCount(2);
        lines[1].Should().EndWith(" 7.0 ms");
    }

    [Fact]
    public void Draw_of_lines_that_name_no_container_needs_none() =>
        Timeline.Draw(["""{"phase":"claim","event":"begin"}"""]).Should().ContainSingle()
            .Which.Should().StartWith("claim ");

    [Fact]
    public void Draw_of_nothing_is_nothing() => Timeline.Draw([]).Should().BeEmpty();
}
