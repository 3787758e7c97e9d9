using System.CommandLine;
using Kata.Core.Application.Administration;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Apps.Admin.Commands;

/// <summary>Draws the phases of the creations in a sandbox.</summary>
internal static class TimelineCommand
{
    public static Command Create()
    {
        var sandbox = new Argument<string>("sandbox") { Description = "id of a sandbox, as 'list' shows it" };
        var command = new Command("timeline", "how long each phase of a sandbox's creations took") { sandbox };
        command.SetAction((parsed, ct) => Question.AskAsync(
            () => new GetTimeline(SandboxId.Parse(parsed.GetValue(sandbox)!)), Print, ct));
        return command;
    }

    private static int Print(GetTimelineReply reply)
    {
        foreach (var line in Timeline.Draw(reply.Creations))
            Console.WriteLine(line);
        return 0;
    }
}
