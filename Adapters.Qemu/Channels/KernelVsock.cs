using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Qemu.Channels;

/// <summary>AF_VSOCK by the kernel's vhost-vsock.</summary>
internal static class KernelVsock
{
    /// <summary>With 2³² ids a taken one is rare, many in a row mean something else.</summary>
    private const int Tries = 50;

    /// <summary>The channel.</summary>
    /// <exception cref="LinuxException">The device does not open.</exception>
    public static GuestChannelSetup Open(string device, InheritedSet inherited, string reason)
    {
        var handle = VhostVsock.Open(device);
        try
        {
            var cid = Claim(handle);
            return new GuestChannelSetup
            {
                Endpoint = new VsockEndpoint(cid, GuestChannelSetup.AgentPort),
                Options = [Device($"{cid}", inherited.Add(handle))],
                Reason = $"vhost-vsock with cid {cid}, {reason}",
            };
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The device for an id that a descriptor of QEMU's owns.</summary>
    internal static DeviceOption Device(string contextId, int descriptor) =>
        new("vhost-vsock-pci", ("id", "vsock"), ("guest-cid", contextId), ("vhostfd", $"{descriptor}"));

    private static uint Claim(SafeFileHandle handle)
    {
        // No wait for anything: each turn draws another id.
        for (var i = 0; i < Tries; i++)
        {
            var cid = (uint)Random.Shared.NextInt64(VhostVsock.LowestContextId, (long)VhostVsock.HighestContextId + 1);
            if (VhostVsock.TryClaim(handle, cid))
                return cid;
        }
        throw new KataException(
            ErrorKind.ResourceExhausted, $"{Tries} random context ids of vhost-vsock are all in use");
    }
}
