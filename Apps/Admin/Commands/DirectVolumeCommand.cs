using System.CommandLine;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Microsoft.Extensions.DependencyInjection;

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
        var (path, info) = (
            Path(),
            new Option<string>("--mount-info")
            {
                Description = "JSON: volume-type, device, fstype, options, metadata",
                Required = true
            });
        var command = new Command("add", "announces a volume for a path from which a pod will mount") { path, info };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(path)!, (volumes, at) =>
            volumes.AddAsync(at, Encoding.UTF8.GetBytes(parsed.GetValue(info)!), ct)));
        return command;
    }

    private static Command Remove()
    {
        var path = Path();
        var command = new Command("remove", "takes an announcement back") { path };
        command.SetAction(
            (parsed, ct) => RunAsync(parsed.GetValue(path)!, (volumes, at) => volumes.RemoveAsync(at, ct)));
        return command;
    }

    private static Command Stats()
    {
        var path = Path();
        var command = new Command("stats", "how full a volume is that a running pod uses") { path };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(path)!, async (volumes, at) =>
            Console.WriteLine(
                await AskAsync(
                    volumes, at, $"GET /direct-volume/stats?path={Uri.EscapeDataString(at.Value)}", "", ct))));
        return command;
    }

    private static Command Resize()
    {
        var (path, size) = (
            Path(), new Option<long>("--size") { Description = "the new size in bytes", Required = true });
        var command = new Command("resize", "lets a volume grow that a running pod uses") { path, size };
        command.SetAction((parsed, ct) => RunAsync(parsed.GetValue(path)!, (volumes, at) => AskAsync(
            volumes, at, "POST /direct-volume/resize",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"VolumePath\":\"{JsonEncodedText.Encode(at.Value)}\",\"Size\":{parsed.GetValue(size)}}}"), ct)));
        return command;
    }

    /// <summary>Asks the shim of the sandbox that uses the volume.</summary>
    private static async Task<string> AskAsync(
        IDirectVolumes volumes, HostPath at, string line, string body, CancellationToken ct)
    {
        var sandbox = await volumes.FindUserAsync(at, ct)
            ?? throw new KataException(ErrorKind.NotFound, $"no running pod uses a direct volume of {at}");
        var place = SandboxPaths.State(sandbox).Append("shim-monitor.sock").Value;
        try
        {
            using var socket = await UnixSocket.ConnectAsync(place, ct);
            await using var stream = new NetworkStream(socket);
            var length = Encoding.UTF8.GetByteCount(body).ToString(CultureInfo.InvariantCulture);
            await stream.WriteAsync(
                Encoding.UTF8.GetBytes($"{line} HTTP/1.1\r\nHost: shim\r\nContent-Length: {length}\r\n\r\n{body}"), ct);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            var answer = await reader.ReadToEndAsync(ct);
            var text = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].TrimEnd('\n');
            return answer.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal)
                ? text
                : throw new KataException(ErrorKind.Internal, text);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new KataException(
                ErrorKind.Unavailable, $"the shim of sandbox {sandbox} does not answer at {place}: {e.Message}", e);
        }
    }

    private static Option<string> Path() =>
        new("--volume-path") { Description = "the path on the host", Required = true };

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
