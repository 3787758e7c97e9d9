using System.CommandLine;
using Kata.Core.Application.Administration;

namespace Kata.Apps.Admin.Commands;

/// <summary>Lists the sandboxes whose state is on this host.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        var command = new Command("list", "the sandboxes on this host");
        command.SetAction((_, ct) => Question.AskAsync(() => new ListSandboxes(), Print, ct));
        return command;
    }

    private static int Print(ListSandboxesReply reply)
    {
        foreach (var sandbox in reply.Sandboxes)
        {
            Console.WriteLine(sandbox.Snapshot is not { } snapshot
                ? $"{sandbox.Id}  starting, or left by a crash"
                : $"{sandbox.Id}  {snapshot.State}  {snapshot.Hypervisor} pid {snapshot.VmmPid}  containers "
                    + $"{snapshot.Containers.Count}  {snapshot.Owner}\n    {snapshot.Choices}");
        }

        return 0;
    }
}
