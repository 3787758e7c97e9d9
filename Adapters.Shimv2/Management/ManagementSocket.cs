using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using MediatR;
using Microsoft.Extensions.Logging;
using ISender = Kata.Core.Application.Messaging.ISender;

namespace Kata.Adapters.Shimv2.Management;

/// <summary>
/// The socket at which tools ask a running sandbox about its volumes, under upstream's name in the sandbox's state
/// directory, with which it goes. Only root can reach it there.
/// </summary>
internal sealed class ManagementSocket(
    ISender sender, TimeProvider time,
    ILogger<ManagementSocket> log) : INotificationHandler<SandboxStarted>, IDisposable
{
    /// <summary>Its name.</summary>
    public const string FileName = "shim-monitor.sock";

    /// <summary>Where it tells how full a volume is.</summary>
    public const string Stats = "/direct-volume/stats";

    /// <summary>Where it lets a volume grow.</summary>
    public const string Resize = "/direct-volume/resize";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // While the kernel refuses, such as for want of descriptors: whoever asks waits in the queue. A turn of the loop
    // that accepts, and no retry of one thing.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stop = new();
    private Socket? _listener;

    /// <summary>Where it is.</summary>
    internal Func<SandboxId, string> Place { get; init; } = PlaceOf;

    /// <summary>How a connection is taken.</summary>
    internal Func<Socket, CancellationToken, ValueTask<Socket>> Accept { get; init; } = (listener, stop) =>
        listener.AcceptAsync(stop);

    /// <summary>The one of a sandbox.</summary>
    public static string PlaceOf(SandboxId sandbox) => SandboxPaths.State(sandbox).Append(FileName).Value;

    /// <summary>Listens from now on. A sandbox without this socket is a sandbox all the same.</summary>
    public Task Handle(SandboxStarted notification, CancellationToken cancellationToken)
    {
        try
        {
            _listener = UnixSocket.Listen(Place(notification.Sandbox));
            _ = ServeAsync(_listener);
        }
        catch (Exception e) when (e is IOException or SocketException or ArgumentException)
        {
            ManagementLog.NotListening(log, e.Message);
        }

        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener?.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync(Socket listener)
    {
        var token = _stop.Token;
        while (true)
        {
            try
            {
                _ = AnswerAsync(await Accept(listener, token), token);
            }
            catch (SocketException) when (!token.IsCancellationRequested)
            {
                await Task.Delay(Pause, time, CancellationToken.None);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private async Task AnswerAsync(Socket connection, CancellationToken stop)
    {
        using (connection)
        {
            try
            {
                HttpMessage? request;
                using (var reading = CancellationTokenSource.CreateLinkedTokenSource(stop))
                {
                    reading.CancelAfter(Patience);
                    request = await HttpMessage.ReadAsync(connection, reading.Token);
                }

                var (status, body) = request is null
                    ? (400, "this is no request of HTTP/1.1 that fits in 64 KiB\n")
                    : await AnswerAsync(request, stop);
                await HttpMessage.AnswerAsync(connection, status, body, stop);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // Whoever asked has gone, or the shim goes.
            }
        }
    }

    private async Task<(int Status, string Body)> AnswerAsync(HttpMessage request, CancellationToken ct)
    {
        try
        {
            switch (request.Path)
            {
                case Stats:
                    if (!request.Query.TryGetValue("path", out var path))
                        return (400, "path is missing\n");
                    return (200, Print(await sender.Send(new GetVolumeUsage(HostPath.Parse(path, "path")), ct)));
                case Resize:
                    var (volume, size) = ParseResize(request.Body);
                    await sender.Send(new ResizeVolume(volume, size), ct);
                    return (200, "");
                default:
                    return (404, "URL NOT FOUND\n");
            }
        }
        catch (KataException e)
        {
            return (e.Kind == ErrorKind.InvalidArgument ? 400 : 500, e.Message + "\n");
        }
    }

    /// <summary>As the agent's answer looks in JSON: bytes, then inodes.</summary>
    private static string Print(VolumeUsage usage) => string.Create(CultureInfo.InvariantCulture,
        $$$"""{"usage":[{"available":{{{usage.AvailableBytes}}},"total":{{{usage.TotalBytes}}},"used":{{{usage.UsedBytes}}},"unit":1},{"available":{{{usage.AvailableInodes}}},"total":{{{usage.TotalInodes}}},"used":{{{usage.UsedInodes}}},"unit":2}],"volume_condition":{"message":"OK"}}""");

    /// <summary>Both generations of upstream's tools have their own names.</summary>
    private static (HostPath Volume, long Size) ParseResize(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            var path = root.TryGetProperty("VolumePath", out var ofGo) ? ofGo : root.GetProperty("volume_guest_path");
            var size = root.TryGetProperty("Size", out var sizeOfGo) ? sizeOfGo : root.GetProperty("size");
            return (HostPath.Parse(path.GetString(), "the volume's path"), size.GetInt64());
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new KataException(ErrorKind.InvalidArgument, "the body must be JSON with VolumePath and Size");
        }
    }
}

/// <summary>Event ids 2500 to 2509.</summary>
internal static partial class ManagementLog
{
    [LoggerMessage(2500, LogLevel.Warning, "cannot listen on the management socket: {Reason}")]
    public static partial void NotListening(ILogger log, string reason);
}
