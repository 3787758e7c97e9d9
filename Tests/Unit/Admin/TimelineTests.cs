using FluentAssertions;
using Kata.Adapters.Guest.State;
using Kata.Apps.Admin.Commands;
using Kata.Core.Application;
using Kata.Core.Application.Administration;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Kata.Tests.Unit.Admin;

/// <summary>A timeline on its way from the file that a shim has written to the picture.</summary>
public sealed class TimelineTests : IDisposable
{
    private static readonly SandboxId Pod = SandboxId.Parse("pod");

    private static readonly string[] First =
    [
        """{"phase":"claim","event":"begin","ms":2,"container":"pod"}""",
        """{"phase":"claim","event":"end","ms":3,"container":"pod"}""",
        """{"phase":"create-container","event":"begin","ms":900,"container":"pod"}""",
        """{"phase":"create-container","event":"end","ms":1000,"container":"pod"}""",
    ];

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Draw_of_a_pod_with_two_containers_counts_each_from_its_own_begin()
    {
        var lines = await DrawAsync(
        [
            .. First,
            """{"phase":"prepare","event":"begin","ms":1,"container":"c1"}""",
            """{"phase":"prepare","event":"end","ms":5,"container":"c1"}""",
            """{"phase":"create-container","event":"begin","ms":10,"container":"c1"}""",
            """{"phase":"create-container","event":"end","ms":60,"container":"c1"}""",
        ]);

        lines.Select(line => line.Split(' ')[0])
            .Should().Equal("container", "claim", "create-container", "container", "prepare", "create-container");
        lines[2].Should().EndWith(" 100.0 ms");
        lines[5].Should().EndWith(" 50.0 ms");
    }

    [Fact]
    public async Task Draw_of_a_container_whose_id_has_come_again_shows_its_last_creation()
    {
        var lines = await DrawAsync(
        [
            .. First,
            """{"phase":"claim","event":"begin","container":"pod"}""",
            """{"phase":"claim","event":"end","ms":7,"container":"pod"}""",
        ]);

        lines.Should().HaveCount(2);
        lines[1].Should().EndWith(" 7.0 ms");
    }

    [Fact]
    public async Task Draw_of_lines_that_name_no_container_needs_none() =>
        (await DrawAsync(["""{"phase":"claim","event":"begin"}"""])).Should().ContainSingle()
            .Which.Should().StartWith("claim ");

    [Fact]
    public async Task Draw_when_a_crash_has_cut_the_last_line_off_shows_the_others() =>
        (await DrawAsync([.. First, """{"phase":"prep"""])).Should().BeEquivalentTo(await DrawAsync(First));

    [Fact]
    public async Task Draw_of_nothing_is_nothing() => (await DrawAsync([])).Should().BeEmpty();

    [Fact]
    public async Task Timeline_of_a_sandbox_that_is_not_there_is_not_found()
    {
        var act = () => AskAsync("/nonexistent/timeline.jsonl");

        (await act.Should().ThrowAsync<KataException>()
            .WithMessage("there is no sandbox pod here; 'kata-runtime list' shows those that are"))
            .Which.Kind.Should().Be(ErrorKind.NotFound);
    }

    private async Task<IReadOnlyList<string>> DrawAsync(string[] lines)
    {
        await File.WriteAllLinesAsync(_file, lines);
        return [.. Timeline.Draw((await AskAsync(_file)).Creations)];
    }

    private static async Task<GetTimelineReply> AskAsync(string file)
    {
        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ITimelines>(new Timelines { Place = _ => file })
            .AddAdministration()
            .BuildServiceProvider();
        return await services.GetRequiredService<ISender>().Send(new GetTimeline(Pod));
    }
}
