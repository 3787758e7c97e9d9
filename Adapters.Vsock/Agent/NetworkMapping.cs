using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kata.Core.Domain.Networking;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>The network in the agent's words.</summary>
internal static class NetworkMapping
{
    private const uint NoArp = 0x80;

    public static Proto.Interface ToProto(GuestInterface link)
    {
        var to = new Proto.Interface
        {
            Device = link.Name,
            Name = link.Name,
            HwAddr = link.Mac.ToString(),
            Mtu = link.Mtu,
            DevicePath = link.PciPath,
            RawFlags = link.NoArp ? NoArp : 0,
        };
        to.IPAddresses.AddRange(
            link.Addresses.Select(a => ToProto(a.Address, a.Length.ToString(CultureInfo.InvariantCulture))));
        return to;
    }

    public static Proto.Route ToProto(GuestRoute route) => new()
    {
        Dest = route.Destination?.ToString() ?? "",
        Gateway = route.Gateway?.ToString() ?? "",
        Device = route.Device,
        Source = route.Source?.ToString() ?? "",
        Scope = route.Scope,
        Family = route.IsV6 ? Proto.IPFamily.V6 : Proto.IPFamily.V4,
        Flags = route.Flags,
        Mtu = route.Mtu,
        Metric = route.Metric,
    };

    public static Proto.ARPNeighbor ToProto(GuestNeighbour neighbour) => new()
    {
        ToIPAddress = ToProto(neighbour.Address, ""),
        Device = neighbour.Device,
        Lladdr = neighbour.Mac.ToString(),
        State = neighbour.State,
        Flags = neighbour.Flags,
    };

    private static Proto.IPAddress ToProto(IPAddress address, string mask) => new()
    {
        Family = address.AddressFamily == AddressFamily.InterNetworkV6 ? Proto.IPFamily.V6 : Proto.IPFamily.V4,
        Address = address.ToString(),
        Mask = mask,
    };
}
