using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Qemu.Channels;

/// <summary>A virtio-serial port behind a unix socket: needs nothing of the host.</summary>
internal static class SerialPort
{
    /// <summary>The port's name, by which the agent finds it.</summary>
    public const string PortName = "agent.0";

    public static GuestChannelSetup Open(
        VmPlacement placement, InheritedSet inherited, IResourceLedger ledger, string reason)
    {
        var socket = StateSocket.Reserve(placement.StateDirectory, "agent.sock", ledger);
        try
        {
            return new GuestChannelSetup
            {
                Endpoint = new SerialEndpoint(socket.Path),
                Options = [
                    new DeviceOption("virtio-serial-pci", ("id", "serial")),
                    new ListeningChardev("agent", inherited.Add(socket.Listen())),
                    new DeviceOption("virtserialport", ("bus", "serial.0"), ("chardev", "agent"), ("name", PortName)),
                ],
                Reason = $"virtio-serial, {reason}",
                ReleaseAsync = () =>
                {
                    socket.Release();
                    return Task.CompletedTask;
                },
            };
        }
        catch
        {
            socket.Release();
            throw;
        }
    }
}
