using System.CommandLine;
using System.Text;
using Kata.Core.Application.Administration;
using Kata.Core.Domain.Storage;

namespace Kata.Apps.Admin.Commands;

/// <summary>What storage plugins call to hand a device to a pod instead of a mount.</summary>
internal static class DirectVolumeCommand
{
    public static Command Create() => new("direct-volume", "volumes whose device goes to the guest as it is")
    {
        Add(),
        Remove(),
        Stats(),
        Resize(),
    };

    private static Command Add()
    {
        var path = Path();
        var info = new Option<string>("--mount-info")
        {
            Description = "JSON: volume-type, device, fstype, options, metadata",
            Required = true,
        };
        var command = new Command("add", "announces a volume for a path from which a pod will mount") { path, info };
        command.SetAction((parsed, ct) => Question.AskAsync(
            () => new AddDirectVolume(Volume(parsed, path), Encoding.UTF8.GetBytes(parsed.GetValue(info)!)), ct));
        return command;
    }

    private static Command Remove()
    {
        var path = Path();
        var command = new Command("remove", "takes an announcement back") { path };
        command.SetAction(
            (parsed, ct) => Question.AskAsync(() => new RemoveDirectVolume(Volume(parsed, path)), ct));
        return command;
    }

    private static Command Stats()
    {
        var path = Path();
        var command = new Command("stats", "how full a volume is that a running pod uses") { path };
        command.SetAction((parsed, ct) => Question.AskAsync(
            () => new GetDirectVolumeUsage(Volume(parsed, path)), Print, ct));
        return command;
    }

    private static Command Resize()
    {
        var path = Path();
        var size = new Option<long>("--size") { Description = "the new size in bytes", Required = true };
        var command = new Command("resize", "lets a volume grow that a running pod uses") { path, size };
        command.SetAction((parsed, ct) => Question.AskAsync(
            () => new ResizeDirectVolume(Volume(parsed, path), parsed.GetValue(size)), ct));
        return command;
    }

    private static int Print(GetDirectVolumeUsageReply reply)
    {
        Console.WriteLine(reply.Json);
        return 0;
    }

    private static Option<string> Path() =>
        new("--volume-path") { Description = "the path on the host", Required = true };

    private static HostPath Volume(ParseResult parsed, Option<string> path) =>
        HostPath.Parse(parsed.GetValue(path)!, path.Name);
}
