using System.Net;
using System.Net.Sockets;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// What the guest makes of connected links: the namespace's own addresses, routes and neighbours, without what a kernel
/// adds by itself.
/// </summary>
internal static class GuestNetworkBuilder
{
    private const int BitsV4 = 32;
    private const int BitsV6 = 128;
    private const int MacLength = 6;

    /// <summary>The guest's network.</summary>
    /// <param name="nics">The connected links, by number, with their NICs and what was found at each.</param>
    public static GuestNetworkSpec Build(IReadOnlyList<(int Index, NetworkDevice Nic, NetworkSnapshot Found)> nics)
    {
        var interfaces = new List<GuestInterface>();
        var routes = new List<GuestRoute>();
        var neighbours = new List<GuestNeighbour>();
        foreach (var (index, nic, found) in nics)
        {
            if (found.Links.FirstOrDefault(link => link.Index == index) is not { } link)
                continue;
            var addresses = found.Addresses.Where(address => address.Index == index && IsForGuest(address, nic.Mac))
                .ToList();
            interfaces.Add(new GuestInterface
            {
                Name = link.Name,
                Mac = nic.Mac,
                Mtu = link.Mtu,
                Addresses = [.. addresses.Select(Prefix)],
                NoArp = (link.Flags & NetlinkLink.IFF_NOARP) != 0,
            });
            routes.AddRange(
                addresses.Where(address => address.Peer is not null).Select(address => ToPeer(address, link.Name)));
            var ofLink = found.Routes.Where(IsForGuest).SelectMany(route => Ways(route, index)).ToList();
            routes.AddRange(ofLink.Select(route => Route(route, link.Name)));
            var gateways = ofLink.Where(route => route is { Destination: null, Gateway: not null })
                .Select(route => route.Gateway!).ToHashSet();
            neighbours.AddRange(found.Neighbours
                .Where(
                    neighbour =>
                        neighbour.Index == index && neighbour.LinkAddress?.GetAddressBytes().Length == MacLength
                            && IsForGuest(neighbour, gateways))
                .Select(neighbour => new GuestNeighbour(
                    neighbour.Address, link.Name, MacAddress.Of(neighbour.LinkAddress!.GetAddressBytes()),
                    neighbour.State, neighbour.Flags)));
        }

        return new GuestNetworkSpec
        {
            Interfaces = interfaces,
            Routes = [.. routes.Distinct().OrderBy(Rank)],
            Neighbours = neighbours
        };
    }

    /// <summary>Routes of the main table that somebody has made; those of the kernel come with the addresses.</summary>
    public static bool IsForGuest(NetlinkRoute route) =>
        route is
        {
            Table: NetlinkRoute.RT_TABLE_MAIN,
            Type: NetlinkRoute.RTN_UNICAST,
            Protocol: not NetlinkRoute.RTPROT_KERNEL,
        }
        && (route.Flags & NetlinkRoute.RTM_F_CLONED) == 0;

    /// <summary>The address that a kernel gives a link by itself (modified EUI-64 below fe80::/64).</summary>
    public static IPAddress OwnLinkLocal(MacAddress mac)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        bytes[0] = 0xFE;
        bytes[1] = 0x80;
        for (var i = 0; i < MacLength; i++)
            bytes[8 + i + (i < 3 ? 0 : 2)] = (byte)(mac.Value >> (8 * (MacLength - 1 - i)));
        bytes[8] ^= 2;
        bytes[11] = 0xFF;
        bytes[12] = 0xFE;
        return new IPAddress(bytes);
    }

    private static bool IsForGuest(NetlinkAddress address, MacAddress mac) =>
        !IPAddress.IsLoopback(address.Address)
            && !(address.Address.IsIPv6LinkLocal && address.Address.Equals(OwnLinkLocal(mac)));

    private static bool IsForGuest(NetlinkNeighbour neighbour, HashSet<IPAddress> gateways) =>
        (neighbour.State & NetlinkNeighbour.NUD_PERMANENT) != 0
        || ((neighbour.State & NetlinkNeighbour.NUD_REACHABLE) != 0 && gateways.Contains(neighbour.Address));

    // The length of an address with another end is that of the other end's network.
    private static IpPrefix Prefix(NetlinkAddress address) =>
        new(address.Address, address.Peer is null ? address.PrefixLength : IsV6(address.Address) ? BitsV6 : BitsV4);

    private static GuestRoute ToPeer(NetlinkAddress address, string device) => new()
    {
        Destination = new IpPrefix(Network(address.Peer!, address.PrefixLength), address.PrefixLength),
        Device = device,
        IsV6 = IsV6(address.Address),
        Scope = IsV6(address.Address) ? NetlinkRoute.RT_SCOPE_UNIVERSE : NetlinkRoute.RT_SCOPE_LINK,
        Source = IsV6(address.Address) ? null : address.Address,
    };

    private static IEnumerable<NetlinkRoute> Ways(NetlinkRoute route, int index)
    {
        if (route.Hops.Count == 0)
            return route.Index == index ? [route] : [];
        return route.Hops.Where(hop => hop.Index == index).Take(route.IsV6 ? int.MaxValue : 1)
            .Select(
                hop => route with
                {
                    Index = hop.Index,
                    Gateway = hop.Gateway,
                    Flags = route.Flags | hop.Flags,
                    Hops = []
                });
    }

    private static GuestRoute Route(NetlinkRoute route, string device) => new()
    {
        Destination = route.Destination is { } destination ? new IpPrefix(destination, route.PrefixLength) : null,
        Gateway = route.Gateway,
        Source = route.Source,
        Device = device,
        IsV6 = route.IsV6,
        Scope = route.Scope,
        // The rest tells of the moment, such as a link that is down.
        Flags = route.Flags & NetlinkRoute.RTNH_F_ONLINK,
        Mtu = route.Mtu,
        Metric = route.Metric,
    };

    // A gateway is taken only once there is a route to it.
    private static int Rank(GuestRoute route) => (route.Gateway, route.Destination) switch
    {
        (null, not null) => 0,
        (null, null) => 2,
        (_, not null) => 1,
        _ => 3,
    };

    private static bool IsV6(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6;

    private static IPAddress Network(IPAddress address, int length)
    {
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] &= (byte)(0xFF00 >> Math.Clamp(length - (8 * i), 0, 8));
        return new IPAddress(bytes);
    }
}
