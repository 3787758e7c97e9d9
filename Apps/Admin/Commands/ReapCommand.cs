using System.CommandLine;
using Kata.Core.Application.Sandboxes;

namespace Kata.Apps.Admin.Commands;

/// <summary>Releases what shims that are dead left on this host.</summary>
internal static class ReapCommand
{
    private const string Help =
        "releases what shims that died left on this host (mounts, cgroups, links, files), "
        + "which CRI-O does not have done; "
        + "a sandbox whose shim lives is not touched. Exit code 1 if something could not be released";

    public static Command Create()
    {
        var onlyLook = new Option<bool>("--dry-run")
        {
            Description = "tell what would be released, and release nothing"
        };
        var command = new Command("reap", Help) { onlyLook };
        command.SetAction(
            (parsed, ct) => Question.AskAsync(() => new ReapSandboxes(parsed.GetValue(onlyLook)), Print, ct));
        return command;
    }

    private static int Print(ReapSandboxesReply reply)
    {
        var dead = reply.Sandboxes.Where(sandbox => sandbox.Outcome != ReapOutcome.Lives).ToList();
        foreach (var sandbox in dead)
        {
            Console.WriteLine($"{sandbox.Id}  {Word(sandbox)}");
            foreach (var resource in sandbox.Held)
                Console.WriteLine($"    {resource.Kind} {resource.Name}");
        }

        Console.WriteLine($"{dead.Count} left by dead shims, {reply.Sandboxes.Count - dead.Count} with a living one");
        return dead.Exists(sandbox => sandbox.Outcome == ReapOutcome.StillHeld) ? 1 : 0;
    }

    private static string Word(ReapedSandbox sandbox) => sandbox.Outcome switch
    {
        ReapOutcome.Left => "would be released",
        ReapOutcome.Released => "released",
        _ => $"NOT released: {sandbox.Reason}",
    };
}
