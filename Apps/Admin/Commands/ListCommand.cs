using System.CommandLine;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Apps.Admin.Commands;

/// <summary>Lists the sandboxes whose state is on this host.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        var command = new Command("list", "the sandboxes on this host");
        command.SetAction((_, ct) => RunAsync(ct));
        return command;
    }

    private static async Task<int> RunAsync(CancellationToken ct)
    {
        await using var services = AdminComposition.Build();
        var store = services.GetRequiredService<ISandboxStore>();
        var directories = Directory.Exists(SandboxPaths.StateRoot)
            ? Directory.GetDirectories(SandboxPaths.StateRoot)
            : [];
        foreach (var name in directories.Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal))
        {
            var snapshot = await store.LoadAsync(SandboxId.Parse(name), ct);
            Console.WriteLine(snapshot is null
                ? $"{name}  starting, or left by a crash"
                : $"{name}  {snapshot.State}  {snapshot.Hypervisor} pid {snapshot.VmmPid}  containers "
                    + $"{snapshot.Containers.Count}  {snapshot.Owner}\n    {snapshot.Choices}");
        }

        return 0;
    }
}
