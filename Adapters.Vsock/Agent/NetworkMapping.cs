using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kata.Core.Domain.Networking;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>The network between the core's words and the agent's. What the guest says is bounded and read with care.</summary>
internal static class NetworkMapping
{
    private const int MaxName = 15;
    private const int MaxEntries = 1024;
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
        to.IPAddresses.AddRange(link.Addresses.Select(a => ToProto(a.Address, a.Length.ToString(CultureInfo.InvariantCulture))));
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

    /// <summary>What cannot be read is left out: this is for people to look at.</summary>
    public static GuestNetworkSpec FromProto(Proto.Interfaces interfaces, Proto.Routes routes) => new()
    {
        Interfaces = [.. interfaces.Interfaces_.Take(MaxEntries).Select(FromProto).OfType<GuestInterface>()],
        Routes = [.. routes.Routes_.Take(MaxEntries).Select(FromProto).OfType<GuestRoute>()],
    };

    private static GuestInterface? FromProto(Proto.Interface link) => MacAddress.TryParse(link.HwAddr, out var mac)
        ? new GuestInterface
        {
            Name = GuestText.Clean(link.Name, MaxName),
            Mac = mac,
            Mtu = (uint)Math.Min(link.Mtu, uint.MaxValue),
            Addresses = [.. link.IPAddresses.Take(MaxEntries).Select(a => Prefix($"{a.Address}/{a.Mask}")).OfType<IpPrefix>()],
        }
        : null;

    private static GuestRoute? FromProto(Proto.Route route)
    {
        var destination = Prefix(route.Dest);
        // Some agents give the default route of a gateway as an address without a length.
        if (destination is null && route.Dest.Length > 0 && !IPAddress.TryParse(route.Dest, out _))
            return null;
        var gateway = IPAddress.TryParse(route.Gateway, out var parsed) ? parsed : null;
        var any = destination?.Address ?? gateway;
        return new GuestRoute
        {
            Destination = destination is { Length: 0 } ? null : destination,
            Gateway = gateway,
            Device = GuestText.Clean(route.Device, MaxName),
            IsV6 = any?.AddressFamily == AddressFamily.InterNetworkV6 || (any is null && route.Family == Proto.IPFamily.V6),
            Scope = (byte)Math.Min(route.Scope, byte.MaxValue),
            Flags = route.Flags,
            Mtu = route.Mtu,
            Metric = route.Metric,
        };
    }

    private static IpPrefix? Prefix(string text) =>
        text.Split('/') is [var address, var length] && IPAddress.TryParse(address, out var ip)
            && byte.TryParse(length, CultureInfo.InvariantCulture, out var bits) && bits <= (ip.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32)
            ? new IpPrefix(ip, bits)
            : null;

    private static Proto.IPAddress ToProto(IPAddress address, string mask) => new()
    {
        Family = address.AddressFamily == AddressFamily.InterNetworkV6 ? Proto.IPFamily.V6 : Proto.IPFamily.V4,
        Address = address.ToString(),
        Mask = mask,
    };
}
