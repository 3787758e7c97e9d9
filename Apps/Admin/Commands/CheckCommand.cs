using System.CommandLine;
using Kata.Core.Application.Administration;

namespace Kata.Apps.Admin.Commands;

/// <summary>Tells whether a sandbox could start here, and what is missing if not.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var command = new Command("check", "whether this host can run a sandbox; exit code 1 if not");
        command.SetAction((_, ct) => Question.AskAsync(() => new CheckHost(), Print, ct));
        return command;
    }

    private static int Print(CheckHostReply reply)
    {
        foreach (var finding in reply.Findings)
            Console.WriteLine($"{Word(finding.Weight),-8} {finding.Text}");
        return reply.CanRun ? 0 : 1;
    }

    private static string Word(FindingWeight weight) => weight switch
    {
        FindingWeight.Ok => "ok",
        FindingWeight.Note => "note",
        _ => "missing",
    };
}
