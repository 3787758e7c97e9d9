using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Apps.Admin.Commands;

/// <summary>Draws the phases of a sandbox's start.</summary>
internal static class TimelineCommand
{
    private const int Width = 50;

    public static Command Create()
    {
        var sandbox = new Argument<string>("sandbox") { Description = "id of a sandbox, as 'list' shows it" };
        var command = new Command("timeline", "how long each phase of a sandbox's start took") { sandbox };
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

        var phases = Read(path);
        var end = Math.Max(1, phases.Count == 0 ? 1 : phases.Max(p => p.End));
        foreach (var (name, begin, until) in phases)
        {
            var from = (int)(begin / end * Width);
            var length = Math.Max(1, (int)((until - begin) / end * Width));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,-14} {new string(' ', from)}{new string('#', length)}{new string(' ', Math.Max(0, Width - from - length))} {until - begin,9:0.0} ms"));
        }

        return 0;
    }

    private static List<(string Name, double Begin, double End)> Read(string path)
    {
        var phases = new List<(string Name, double Begin, double End)>();
        foreach (var line in File.ReadLines(path))
        {
            using var entry = JsonDocument.Parse(line);
            var name = entry.RootElement.GetProperty("phase").GetString() ?? "";
            var at = entry.RootElement.TryGetProperty("ms", out var ms) ? ms.GetDouble() : 0;
            var known = phases.FindIndex(p => p.Name == name);
            if (known < 0)
                phases.Add((name, at, at));
            else
                phases[known] = phases[known] with { End = at };
        }

        return phases;
    }
}
