using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Qemu.Channels;

/// <summary>VSOCK by a vhost-user daemon of ours, reached on a unix socket with the hybrid handshake.</summary>
internal static class VhostUserVsock
{
    private const string Role = "vhost-device-vsock";

    /// <summary>The daemon serves one machine, so every guest has the same id.</summary>
    private const int ContextId = 3;

    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    /// <summary>Where distributions put the daemon.</summary>
    public static IReadOnlyList<string> UsualPlaces { get; } = ["/usr/bin/vhost-device-vsock",
        "/usr/libexec/vhost-device-vsock"];

    public static async Task<GuestChannelSetup> OpenAsync(
        HostPath daemon, VmPlacement placement, IResourceLedger ledger, TimeProvider time, string reason,
        CancellationToken ct)
    {
        var device = StateSocket.Reserve(placement.StateDirectory, "vsock.dev", ledger);
        var guest = StateSocket.Reserve(placement.StateDirectory, "vsock.sock", ledger);
        SupervisedProcess? process = null;
        try
        {
            var entry = new ProcessEntry(ledger, Role);
            process = await SupervisedProcess.StartAsync(
                new SupervisedStart
                {
                    Program = daemon.Value,
                    Arguments = ["--guest-cid", $"{ContextId}", "--socket", device.Path.Value, "--uds-path",
                        guest.Path.Value],
                    Placement = Placements.WithoutNetwork(placement),
                    Record = entry.Record,
                    Forget = entry.Forget,
                },
                new InheritedSet(),
                time,
                ct);
            await ListensAsync(device.Path, process, time, ct);
            return new GuestChannelSetup
            {
                Endpoint = new HybridVsockEndpoint(guest.Path, GuestChannelSetup.AgentPort),
                Options = [new ConnectingChardev("vsock", device.Path.Value),
                    new DeviceOption("vhost-user-vsock-pci", ("id", "vsock"), ("chardev", "vsock"))],
                Reason = $"vhost-user VSOCK, {reason}",
                ReleaseAsync = () => ReleaseAsync(process, device, guest),
            };
        }
        catch
        {
            await ReleaseAsync(process, device, guest);
            throw;
        }
    }

    private static async Task ReleaseAsync(SupervisedProcess? process, StateSocket device, StateSocket guest)
    {
        if (process is not null)
            await process.StopAsync(TimeSpan.Zero, CancellationToken.None);
        device.Release();
        guest.Release();
    }

    /// <summary>
    /// Connecting would use up the one connection that the daemon serves; the kernel's table tells as much. It is
    /// looked at by hand: no try has failed while there is nothing in it, and each look asks for the daemon's end as
    /// well.
    /// </summary>
    private static async Task ListensAsync(
        HostPath socket, SupervisedProcess process, TimeProvider time, CancellationToken ct)
    {
        var begin = time.GetTimestamp();
        while (!IsListening(socket))
        {
            if (process.Exited.IsCompleted)
                throw new KataException(
                    ErrorKind.Unavailable,
                    $"vhost-device-vsock ended with {(await process.Exited).Exit}: "
                    + $"{string.Join(" | ", process.Errors.Lines)}");
            if (time.GetElapsedTime(begin) > StartTime)
                throw new KataException(
                    ErrorKind.DeadlineExceeded,
                    $"vhost-device-vsock does not listen on {socket} after {StartTime.TotalSeconds} s");
            await Task.Delay(Step, time, ct);
        }
    }

    private static bool IsListening(HostPath socket)
    {
        // Columns: Num RefCount Protocol Flags Type St Inode Path; flag 0x10000 is __SO_ACCEPTCON.
        const int flags = 3;
        const int path = 7;
        return File.ReadLines("/proc/net/unix").Any(line =>
            line.EndsWith(socket.Value, StringComparison.Ordinal)
            && line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { Length: > path } words
            && words[flags] == "00010000");
    }
}
