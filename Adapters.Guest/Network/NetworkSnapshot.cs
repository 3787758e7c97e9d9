using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>What a network namespace looked like at one moment.</summary>
internal sealed record NetworkSnapshot(
    IReadOnlyList<NetlinkLink> Links,
    IReadOnlyList<NetlinkAddress> Addresses,
    IReadOnlyList<NetlinkRoute> Routes,
    IReadOnlyList<NetlinkNeighbour> Neighbours)
{
    public static NetworkSnapshot Read(NetlinkSocket socket) =>
        new(socket.Links(), socket.Addresses(), socket.Routes(), socket.Neighbours());

    /// <summary>The part that belongs to one link.</summary>
    public NetworkSnapshot Of(int index) => new(
        [.. Links.Where(link => link.Index == index)],
        [.. Addresses.Where(address => address.Index == index)],
        [.. Routes.Where(route => route.Index == index || route.Hops.Any(hop => hop.Index == index))],
        [.. Neighbours.Where(neighbour => neighbour.Index == index)]);
}
