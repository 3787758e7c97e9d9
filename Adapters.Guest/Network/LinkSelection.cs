using System.Net;
using System.Net.NetworkInformation;
using Kata.Core.Domain;
using Kata.Core.Domain.Networking;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>Which links of a namespace become NICs, and which findings cannot be a pod's network.</summary>
internal static class LinkSelection
{
    private const ushort ARPHRD_ETHER = 1;
    private const byte TypeTun = 1;
    private const string TapPrefix = "tap";
    private const string TapSuffix = "_kata";

    /// <summary>The name of our tap number <paramref name="number"/>.</summary>
    public static string TapName(int number) => $"{TapPrefix}{number}{TapSuffix}";

    /// <summary>True for taps that some sandbox of this runtime has made.</summary>
    public static bool IsOurs(NetlinkLink link) => link.Kind is "tun" or "macvtap"
        && link.Name.StartsWith(TapPrefix, StringComparison.Ordinal)
        && link.Name.EndsWith(TapSuffix, StringComparison.Ordinal)
        && link.Name.Length > TapPrefix.Length + TapSuffix.Length
        && link.Name.AsSpan(TapPrefix.Length..^TapSuffix.Length).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>
    /// Links with an address, loopback and our own taps aside, in the order of their names. A link without an address
    /// is no network.
    /// </summary>
    /// <param name="onlyUp">Leaves out those that are down, which may still get another name.</param>
    public static IReadOnlyList<NetlinkLink> Candidates(NetworkSnapshot snapshot, bool onlyUp) =>
    [
        .. snapshot.Links
            .Where(link => !link.IsLoopback && !IsOurs(link) && (link.IsUp || !onlyUp)
                && snapshot.Addresses.Any(address => address.Index == link.Index))
            .OrderBy(link => link.Name, StringComparer.Ordinal),
    ];

    /// <summary>Refuses a link that no tap can stand in for.</summary>
    /// <param name="busOf">Asks for the bus of a link that has a device of its own; empty if it has none.</param>
    public static void Require(NetlinkLink link, Func<NetlinkLink, string> busOf)
    {
        if (link.Kind.Length == 0 && (link.ParentBus.Length > 0 ? link.ParentBus : busOf(link)) is { Length: > 0 } bus)
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"link {link.Name} is a physical device ({bus}), which a virtual machine can only have by VFIO, "
                + "and that is not supported yet; "
                + "give the pod a virtual link, such as macvlan or ipvlan on top of it");
        }
        if (link.TunType == TypeTun || link.HardwareType != ARPHRD_ETHER)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"link {link.Name} carries no Ethernet frames ({Kind(link)}), which a virtual machine's NIC needs");
        if (MacOf(link) is null)
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"link {link.Name} ({Kind(link)}) has no link-layer address, by which the guest would know its NIC");
    }

    /// <summary>Refuses what contradicts itself.</summary>
    public static void RequireConsistent(IReadOnlyList<NetlinkLink> links, NetworkSnapshot snapshot)
    {
        for (var i = 0; i < links.Count; i++)
        {
            for (var j = i + 1; j < links.Count; j++)
            {
                if (links[i].Address is { } mac && mac.Equals(links[j].Address))
                    throw Contradiction(
                        $"links {links[i].Name} and {links[j].Name} have the same link-layer address {Text(mac)}");
                if (Own(links[i]).Intersect(Own(links[j])).FirstOrDefault() is { } address)
                    throw Contradiction($"links {links[i].Name} and {links[j].Name} have the same address {address}");
            }
        }

        foreach (var route in snapshot.Routes.Where(route => route is { Destination: null, Index: > 0 }
            && GuestNetworkBuilder.IsForGuest(route)))
        {
            if (links.Any(link => link.Index == route.Index))
                continue;
            var name = snapshot.Links.FirstOrDefault(link => link.Index == route.Index)?.Name
                ?? $"number {route.Index}";
            throw Contradiction($"the default route leads over link {name}, which has no address");
        }

        IEnumerable<IPAddress> Own(NetlinkLink link) => snapshot.Addresses
            .Where(address => address.Index == link.Index && !address.Address.IsIPv6LinkLocal)
                .Select(address => address.Address);
    }

    /// <summary>The address of a link as the domain has it; null if it has none, or one of zeros.</summary>
    public static MacAddress? MacOf(NetlinkLink link) =>
        link.Address?.GetAddressBytes() is { Length: 6 } bytes && MacAddress.Of(bytes) is { Value: not 0 } mac
            ? mac
            : null;

    /// <summary>The link is made so that a macvtap cannot sit on it, or not usefully.</summary>
    public static bool NeedsTrafficFilter(NetlinkLink link) => link.Kind is "ipvlan" or "macvlan" or "tun";

    private static KataException Contradiction(string what) =>
        new(
            ErrorKind.InvalidArgument,
            $"the pod's network contradicts itself: {what}; correct the network configuration that made it");

    private static string Kind(NetlinkLink link) =>
        link.Kind.Length > 0 ? link.Kind : $"hardware type {link.HardwareType}";

    private static string Text(PhysicalAddress address) => MacAddress.Of(address.GetAddressBytes()).ToString();
}
