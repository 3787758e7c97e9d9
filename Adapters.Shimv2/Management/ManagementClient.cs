using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Shimv2.Management;

/// <summary>Asks at the <see cref="ManagementSocket"/> of a sandbox.</summary>
internal sealed class ManagementClient : IShimManagement
{
    private const string EndOfHead = "\r\n\r\n";

    /// <summary>Where it is.</summary>
    internal Func<SandboxId, string> Place { get; init; } = ManagementSocket.PlaceOf;

    public Task<string> GetVolumeUsageAsync(SandboxId sandbox, HostPath volume, CancellationToken ct) => AskAsync(
        sandbox, $"GET {ManagementSocket.Stats}?path={Uri.EscapeDataString(volume.Value)}", "", ct);

    public Task ResizeVolumeAsync(SandboxId sandbox, HostPath volume, long bytes, CancellationToken ct) => AskAsync(
        sandbox,
        $"POST {ManagementSocket.Resize}",
        string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"VolumePath\":\"{JsonEncodedText.Encode(volume.Value)}\",\"Size\":{bytes}}}"),
        ct);

    private async Task<string> AskAsync(SandboxId sandbox, string line, string body, CancellationToken ct)
    {
        var place = Place(sandbox);
        try
        {
            using var socket = await UnixSocket.ConnectAsync(place, ct);
            await using var stream = new NetworkStream(socket);
            var length = Encoding.UTF8.GetByteCount(body).ToString(CultureInfo.InvariantCulture);
            await stream.WriteAsync(
                Encoding.UTF8.GetBytes($"{line} HTTP/1.1\r\nHost: shim\r\nContent-Length: {length}{EndOfHead}{body}"),
                ct);
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return Parse(await reader.ReadToEndAsync(ct));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new KataException(
                ErrorKind.Unavailable, $"the shim of sandbox {sandbox} does not answer at {place}: {e.Message}", e);
        }
    }

    private static string Parse(string answer)
    {
        var end = answer.IndexOf(EndOfHead, StringComparison.Ordinal);
        if (end < 0)
            throw new IOException("it closed the connection before its answer was whole");
        var text = answer[(end + EndOfHead.Length)..].TrimEnd('\n');
        return answer.Split(' ', 3) switch
        {
            [_, "200", ..] => text,
            [_, "400", ..] => throw new KataException(ErrorKind.InvalidArgument, text),
            _ => throw new KataException(ErrorKind.Internal, text),
        };
    }
}
