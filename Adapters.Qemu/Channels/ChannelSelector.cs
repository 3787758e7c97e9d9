using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Qemu.Channels;

/// <summary>Opens the channel that is wished for, or the first that this host can.</summary>
internal sealed class ChannelSelector(HostCapabilities host, TimeProvider time)
{
    public Task<GuestChannelSetup> OpenAsync(
        MachineOptions options, VmPlacement placement, InheritedSet inherited, IResourceLedger ledger,
        CancellationToken ct) =>
        options.Channel switch
        {
            GuestChannel.Vsock => Task.FromResult(Vsock(inherited)),
            GuestChannel.VhostUserVsock => VhostUserAsync(options, placement, ledger, ct),
            GuestChannel.Serial => Task.FromResult(SerialPort.Open(placement, inherited, ledger, "as set")),
            _ => AutoAsync(options, placement, inherited, ledger, ct),
        };

    private async Task<GuestChannelSetup> AutoAsync(
        MachineOptions options, VmPlacement placement, InheritedSet inherited, IResourceLedger ledger,
        CancellationToken ct)
    {
        string refused;
        try
        {
            return KernelVsock.Open(host.VhostVsockDevice, inherited, $"because {host.VhostVsockDevice} opens");
        }
        catch (LinuxException refusal)
        {
            refused = Describe(refusal);
        }

        if (FindDaemon(options) is not { } daemon)
            return SerialPort.Open(
                placement, inherited, ledger, $"because {refused} and vhost-device-vsock is not installed");
        try
        {
            return await VhostUserVsock.OpenAsync(daemon, placement, ledger, time, $"because {refused}", ct);
        }
        catch (Exception failure)
            when (failure is LinuxException
                || failure is KataException { Kind: ErrorKind.Unavailable or ErrorKind.DeadlineExceeded })
        {
            return SerialPort.Open(
                placement, inherited, ledger, $"because {refused} and {daemon} failed: {failure.Message}");
        }
    }

    private GuestChannelSetup Vsock(InheritedSet inherited)
    {
        try
        {
            return KernelVsock.Open(host.VhostVsockDevice, inherited, "as set");
        }
        catch (LinuxException refusal)
        {
            throw new KataException(
                refusal.ToKind(ErrorKind.InvalidArgument),
                $"guest_channel is vsock, but {Describe(refusal)}: "
                + "load vhost_vsock, or set guest_channel to auto or serial",
                refusal);
        }
    }

    private async Task<GuestChannelSetup> VhostUserAsync(
        MachineOptions options, VmPlacement placement, IResourceLedger ledger, CancellationToken ct)
    {
        var daemon = FindDaemon(options) ?? throw new KataException(
            ErrorKind.InvalidArgument,
            "guest_channel is vhost-user-vsock, but vhost-device-vsock is not installed: "
            + "install it, or name it as vhost_vsock_daemon");
        try
        {
            return await VhostUserVsock.OpenAsync(daemon, placement, ledger, time, "as set", ct);
        }
        catch (LinuxException failure)
        {
            throw new KataException(
                failure.ToKind(ErrorKind.Unavailable), $"cannot start {daemon}: {failure.Errno} in {failure.Call}",
                failure);
        }
    }

    private static HostPath? FindDaemon(MachineOptions options)
    {
        if (options.VsockDaemon is { } named)
            return File.Exists(named.Value) ? named : null;
        return VhostUserVsock.UsualPlaces.FirstOrDefault(File.Exists) is { } usual
            ? HostPath.Parse(usual, "vhost_vsock_daemon")
            : null;
    }

    private string Describe(LinuxException refusal) => refusal.Errno == Errno.ENOENT
        ? $"{host.VhostVsockDevice} is missing"
        : $"{host.VhostVsockDevice} cannot be used ({refusal.Errno})";
}
