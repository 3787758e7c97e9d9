using System.CommandLine;
using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Apps.Admin.Commands;

/// <summary>What storage plugins call to hand a device to a pod instead of a mount.</summary>
internal static class DirectVolumeCommand
{
    public static Command Create() => new("direct-volume", "volumes whose device goes to the guest as it is")
    {
        Add(),
        Remove(),
    };

    private static Command Add()
    {
        var (path, info) = (Path(), new Option<string>("--mount-info") { Description = "JSON: volume-type, device, fstype, options, metadata", Required = true });
        var command = new Command("add", "announces a volume for a path from which a pod will mount") { path, info };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(path)!, (volumes, at) =>
            volumes.AddAsync(at, Encoding.UTF8.GetBytes(parsed.GetValue(info)!), ct)));
        return command;
    }

    private static Command Remove()
    {
        var path = Path();
        var command = new Command("remove", "takes an announcement back") { path };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(path)!, (volumes, at) => volumes.RemoveAsync(at, ct)));
        return command;
    }

    private static Option<string> Path() => new("--volume-path") { Description = "the path on the host", Required = true };

    private static async Task<int> RunAsync(string path, Func<IDirectVolumes, HostPath, Task> action)
    {
        try
        {
            await using var services = AdminComposition.Build();
            await action(services.GetRequiredService<IDirectVolumes>(), HostPath.Parse(path, "--volume-path"));
            return 0;
        }
        catch (KataException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }
}
