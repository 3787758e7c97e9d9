using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Devices;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Network;

/// <summary>
/// The guest's interfaces, routes and neighbours, as the host wants them. What is there already is renewed; what the
/// host no longer names is left alone.
/// </summary>
/// <param name="modules">The NIC's driver is loaded when the first interface is asked for.</param>
/// <param name="devices">Finds NICs that were hot-plugged.</param>
/// <param name="limit">How long a NIC may take to appear.</param>
internal sealed class GuestNetwork(ModuleLoader modules, DeviceFinder devices, TimeSpan limit)
{
    private static readonly TimeSpan SearchPause = TimeSpan.FromMilliseconds(5);

    /// <summary>
    /// Gives the link with the interface's link-layer address its name, size and addresses, and brings it up.
    /// </summary>
    public async Task UpdateAsync(Oci.Interface wanted, CancellationToken cancellation)
    {
        var name = NetworkText.LinkName(wanted.Name);
        var mac = NetworkText.LinkAddress(wanted.HwAddr);
        var addresses = wanted.IPAddresses.Select(NetworkText.Prefix).ToList();
        var path = wanted.DevicePath.Length > 0 ? await devices.FindLinkAsync(wanted.DevicePath, cancellation) : null;

        using var socket = NetlinkSocket.Open();
        var link = await FindAsync(socket, path, mac, name, cancellation);
        var displaced = socket.Links().FirstOrDefault(other => other.Name == name && other.Index != link.Index);
        if (displaced is not null)
            Rename(socket, displaced, Temporary(name));

        var renames = link.Name != name;
        if (renames || !mac.Equals(link.Address))
            socket.SetLink(link.Index, link.Name, new LinkSettings { Up = false });
        socket.SetLink(link.Index, link.Name, new LinkSettings
        {
            Name = renames ? name : null,
            Address = mac.Equals(link.Address) ? null : mac,
            Mtu = wanted.Mtu > 0 ? (uint)Math.Min(wanted.Mtu, uint.MaxValue) : null,
            NoArp = (wanted.RawFlags & NetlinkLink.IFF_NOARP) != 0,
        });
        if (displaced is not null)
            Rename(socket, displaced with { Name = Temporary(name) }, link.Name);
        DisableDuplicateDetection(name);
        socket.SetLink(link.Index, name, new LinkSettings { Up = true });
        foreach (var (address, length) in addresses)
        {
            var isV6 = address.AddressFamily == AddressFamily.InterNetworkV6;
            if (isV6 && IsV6Disabled())
                continue;
            // Nobody else can have it, and a pod does not wait for the proof.
            socket.ReplaceAddress(
                new NetlinkAddress
                {
                    Index = link.Index,
                    Address = address,
                    PrefixLength = length,
                    Flags = isV6 ? NetlinkAddress.IFA_F_NODAD : 0
                });
        }
    }

    /// <summary>
    /// Adds routes to the main table, those on a link first, for the others' gateways are found through them.
    /// </summary>
    public static void Update(IEnumerable<Oci.Route> wanted)
    {
        using var socket = NetlinkSocket.Open();
        var links = socket.Links();
        foreach (var route in wanted.OrderBy(route => route.Gateway.Length > 0))
        {
            var link = links.FirstOrDefault(link => link.Name == route.Device)
                ?? throw AgentRefusals.Internal(
                    $"Link not found: no interface '{NetworkText.Shorten(route.Device)}' for the route to "
                    + $"'{NetworkText.Shorten(route.Dest)}'");
            socket.ReplaceRoute(ToRoute(route, link.Index));
        }
    }

    /// <summary>Adds neighbours whose link-layer addresses are known.</summary>
    public static void Update(IEnumerable<Oci.ARPNeighbor> wanted)
    {
        using var socket = NetlinkSocket.Open();
        var links = socket.Links();
        foreach (var neighbour in wanted)
        {
            var link = links.FirstOrDefault(link => link.Name == neighbour.Device)
                ?? throw AgentRefusals.Internal(
                    $"Link not found: no interface '{NetworkText.Shorten(neighbour.Device)}' for a neighbour");
            socket.ReplaceNeighbour(new NetlinkNeighbour
            {
                Index = link.Index,
                Address = NetworkText.Address(neighbour.ToIPAddress?.Address ?? ""),
                LinkAddress = neighbour.Lladdr.Length > 0 ? NetworkText.LinkAddress(neighbour.Lladdr) : null,
                State = neighbour.State == 0 ? NetlinkNeighbour.NUD_PERMANENT : (ushort)neighbour.State,
                Flags = (byte)neighbour.Flags,
            });
        }
    }

    /// <summary>Every interface with its addresses.</summary>
    public static IEnumerable<Oci.Interface> Interfaces()
    {
        using var socket = NetlinkSocket.Open();
        var addresses = socket.Addresses().ToLookup(address => address.Index);
        foreach (var link in socket.Links())
        {
            var told = new Oci.Interface
            {
                Name = link.Name,
                Device = link.Name,
                Mtu = link.Mtu,
                HwAddr = NetworkText.Colons(link.Address)
            };
            told.IPAddresses.AddRange(addresses[link.Index].Select(address => new Oci.IPAddress
            {
                Family = address.Address.AddressFamily == AddressFamily.InterNetworkV6
                    ? Oci.IPFamily.V6
                    : Oci.IPFamily.V4,
                Address = address.Address.ToString(),
                Mask = address.PrefixLength.ToString(CultureInfo.InvariantCulture),
            }));
            yield return told;
        }
    }

    /// <summary>The unicast routes of the main table, IPv4 first.</summary>
    public static IEnumerable<Oci.Route> Routes()
    {
        using var socket = NetlinkSocket.Open();
        var names = socket.Links().ToDictionary(link => link.Index, link => link.Name);
        return [.. socket.Routes()
            .Where(
                route =>
                    route is { Table: NetlinkRoute.RT_TABLE_MAIN, Type: NetlinkRoute.RTN_UNICAST }
                        && names.ContainsKey(route.Index))
            .OrderBy(route => route.IsV6)
            .Select(route => new Oci.Route
            {
                Dest = $"{route.Destination ?? (route.IsV6 ? IPAddress.IPv6Any : IPAddress.Any)}/{route.PrefixLength}",
                Gateway = route.Gateway?.ToString() ?? "",
                Source = route.Source?.ToString() ?? "",
                Device = names[route.Index],
                Scope = route.Scope,
                Family = route.IsV6 ? Oci.IPFamily.V6 : Oci.IPFamily.V4,
                Flags = route.Flags,
                Mtu = route.Mtu,
                Metric = route.Metric,
            })];
    }

    private async Task<NetlinkLink> FindAsync(
        NetlinkSocket socket, string? plugged, PhysicalAddress mac, string name, CancellationToken cancellation)
    {
        if (plugged is null)
            modules.Require("virtio_net");
        var begin = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var links = socket.Links();
            var found = plugged is not null
                ? links.FirstOrDefault(link => link.Name == plugged)
                : links.FirstOrDefault(link => mac.Equals(link.Address) && !link.IsLoopback);
            if (found is not null)
                return found;
            // A machine without a NIC need not be waited for.
            if (TimeProvider.System.GetElapsedTime(begin) > limit
                || (plugged is null && !VirtioDevices.Modules().Contains("virtio_net")))
            {
                return links.FirstOrDefault(link => link.Name == name)
                    ?? throw AgentRefusals.Internal(
                        $"Link not found (address {NetworkText.Colons(mac)}, name {name}): "
                        + "the machine has no such NIC");
            }

            await Task.Delay(SearchPause, cancellation);
        }
    }

    private static NetlinkRoute ToRoute(Oci.Route route, int index)
    {
        var isV6 = route.Family == Oci.IPFamily.V6;
        var destination = route.Dest.Length > 0 ? NetworkText.Prefix(route.Dest) : default;
        return new NetlinkRoute
        {
            IsV6 = isV6,
            Destination = destination.Length > 0 ? destination.Address : null,
            PrefixLength = destination.Length,
            Gateway = route.Gateway.Length > 0 ? NetworkText.Address(route.Gateway) : null,
            Source = route.Source.Length > 0 ? NetworkText.Source(route.Source) : null,
            Index = index,
            Scope = (byte)route.Scope,
            // The rest are the kernel's own notes on a route, which it refuses to be told.
            Flags = route.Flags & NetlinkRoute.RTNH_F_ONLINK,
            Mtu = route.Mtu,
            Metric = route.Metric,
        };
    }

    private static void Rename(NetlinkSocket socket, NetlinkLink link, string name)
    {
        socket.SetLink(link.Index, link.Name, new LinkSettings { Up = false });
        socket.SetLink(link.Index, link.Name, new LinkSettings { Name = name });
        if (link.IsUp)
            socket.SetLink(link.Index, name, new LinkSettings { Up = true });
    }

    private static string Temporary(string name) => (name.Length > 10 ? name[..10] : name) + "_temp";

    /// <summary>Also for the addresses that the kernel makes itself.</summary>
    private static void DisableDuplicateDetection(string name)
    {
        var file = $"/proc/sys/net/ipv6/conf/{name}/accept_dad";
        if (File.Exists(file))
            File.WriteAllText(file, "0");
    }

    private static bool IsV6Disabled() =>
        IsOne("/proc/sys/net/ipv6/conf/all/disable_ipv6") && IsOne("/proc/sys/net/ipv6/conf/default/disable_ipv6");

    // A kernel without IPv6 has no such file.
    private static bool IsOne(string file) => !File.Exists(file) || File.ReadAllText(file).Trim() == "1";
}
