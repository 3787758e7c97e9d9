using System.CommandLine;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Apps.Admin.Commands;

/// <summary>Draws the phases of the creations in a sandbox.</summary>
internal static class TimelineCommand
{
    public static Command Create()
    {
        var sandbox = new Argument<string>("sandbox") { Description = "id of a sandbox, as 'list' shows it" };
        var command = new Command("timeline", "how long each phase of a sandbox's creations took") { sandbox };
        command.SetAction(parsed => Run(parsed.GetValue(sandbox)!));
        return command;
    }

    private static int Run(string text)
    {
        string path;
        try
        {
            path = $"{SandboxPaths.State(SandboxId.Parse(text))}/timeline.jsonl";
        }
        catch (KataException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }

        if (!File.Exists(path))
        {
            Console.Error.WriteLine($"there is no sandbox {text} here; 'kata-runtime list' shows those that are");
            return 1;
        }

        foreach (var line in Timeline.Draw(File.ReadLines(path)))
            Console.WriteLine(line);
        return 0;
    }
}
