using System.Net.NetworkInformation;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>A network interface as the kernel tells of it.</summary>
public sealed record NetlinkLink
{
    public const uint IFF_UP = 0x1;
    public const uint IFF_LOOPBACK = 0x8;
    public const uint IFF_POINTOPOINT = 0x10;
    public const uint IFF_NOARP = 0x80;

    public required int Index { get; init; }

    public required string Name { get; init; }

    /// <summary>IFF_ bits.</summary>
    public uint Flags { get; init; }

    /// <summary>ARPHRD_ number: 1 is Ethernet, 772 loopback, 65534 none.</summary>
    public ushort HardwareType { get; init; }

    public uint Mtu { get; init; }

    public uint TransmitQueueLength { get; init; }

    /// <summary>Link-layer address; null for links that have none.</summary>
    public PhysicalAddress? Address { get; init; }

    /// <summary>What made it, such as <c>veth</c>, <c>macvlan</c>, <c>tun</c>; empty for a device of its own.</summary>
    public string Kind { get; init; } = "";

    /// <summary>For the kind <c>tun</c>: 1 for tun, 2 for tap; 0 for others.</summary>
    public byte TunType { get; init; }

    /// <summary>
    /// The link it is made on, or a veth's other end; 0 for none. The number may belong to another namespace.
    /// </summary>
    public int Parent { get; init; }

    /// <summary>The namespace of <see cref="Parent"/> as this namespace numbers it; null if it is this one.</summary>
    public int? ParentNamespace { get; init; }

    /// <summary>The bridge or bond it is part of; 0 for none.</summary>
    public int Master { get; init; }

    /// <summary>
    /// The bus of the device behind it, such as <c>pci</c>; empty if there is none or the kernel does not tell.
    /// </summary>
    public string ParentBus { get; init; } = "";

    public bool IsUp => (Flags & IFF_UP) != 0;

    public bool IsLoopback => (Flags & IFF_LOOPBACK) != 0;
}

/// <summary>What to change of a link; null leaves things as they are.</summary>
public sealed record LinkSettings
{
    public string? Name { get; init; }

    public bool? Up { get; init; }

    public uint? Mtu { get; init; }

    public PhysicalAddress? Address { get; init; }

    /// <summary>IFF_NOARP.</summary>
    public bool? NoArp { get; init; }

    /// <summary>The kernel makes no IPv6 address of its own for it.</summary>
    public bool NoOwnIpv6Address { get; init; }
}

/// <summary>A macvtap to be made.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Index">Its number, which names the character device; 0 to leave it to the kernel.</param>
/// <param name="Parent">The link below it.</param>
public sealed record NewMacVtap(string Name, int Index, int Parent)
{
    public PhysicalAddress? Address { get; init; }

    public uint? Mtu { get; init; }

    public uint? TransmitQueueLength { get; init; }
}

/// <summary>Links: <c>struct ifinfomsg</c> and its attributes.</summary>
public static class LinkMessages
{
    private const int SizeOfHeader = 16;
    private const ushort IFLA_ADDRESS = 1;
    private const ushort IFLA_IFNAME = 3;
    private const ushort IFLA_MTU = 4;
    private const ushort IFLA_LINK = 5;
    private const ushort IFLA_MASTER = 10;
    private const ushort IFLA_TXQLEN = 13;
    private const ushort IFLA_LINKINFO = 18;
    private const ushort IFLA_AF_SPEC = 26;
    private const ushort IFLA_EXT_MASK = 29;
    private const ushort IFLA_LINK_NETNSID = 37;
    private const ushort IFLA_PARENT_DEV_BUS_NAME = 57;
    private const ushort IFLA_INFO_KIND = 1;
    private const ushort IFLA_INFO_DATA = 2;
    private const ushort IFLA_MACVLAN_MODE = 1;
    private const ushort IFLA_TUN_TYPE = 3;
    private const ushort IFLA_INET6_ADDR_GEN_MODE = 8;
    private const byte IN6_ADDR_GEN_MODE_NONE = 1;
    private const ushort AF_INET6 = 10;
    private const uint MACVLAN_MODE_BRIDGE = 4;
    private const uint RTEXT_FILTER_SKIP_STATS = 8;

    /// <summary>All links of the namespace.</summary>
    public static IReadOnlyList<NetlinkLink> Links(this NetlinkSocket socket) =>
        socket.Dump<NetlinkLink>(
            Header(new NetlinkRequest(RouteTypes.RTM_GETLINK, 0, "links"), 0)
                .Attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS), TryRead);

    /// <summary>Changes a link, all at once or as far as the kernel gets.</summary>
    public static void SetLink(this NetlinkSocket socket, int index, string name, LinkSettings settings) =>
        socket.Send(Set(index, name, settings));

    /// <summary>Makes a macvtap in bridge mode; EEXIST if the name or the number is taken.</summary>
    public static void AddMacVtap(this NetlinkSocket socket, NewMacVtap link) => socket.Send(Add(link));

    /// <summary>Deletes a link; false if it is gone already.</summary>
    public static bool TryDeleteLink(this NetlinkSocket socket, int index, string name) =>
        socket.TrySend(Header(new NetlinkRequest(RouteTypes.RTM_DELLINK, 0, name), index), Errno.ENODEV);

    /// <summary>Reads a link; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkLink link)
    {
        link = null!;
        if (message.Type is not (RouteTypes.RTM_NEWLINK or RouteTypes.RTM_DELLINK)
            || message.Body.Length < SizeOfHeader)
            return false;
        var read = new NetlinkLink
        {
            HardwareType = MemoryMarshal.Read<ushort>(message.Body[2..]),
            Index = MemoryMarshal.Read<int>(message.Body[4..]),
            Flags = MemoryMarshal.Read<uint>(message.Body[8..]),
            Name = "",
        };
        var attributes = new NetlinkAttributes(message.Body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case IFLA_ADDRESS:
                    read = read with { Address = attributes.LinkAddress() };
                    break;
                case IFLA_IFNAME:
                    read = read with { Name = attributes.Text() };
                    break;
                case IFLA_MTU:
                    read = read with { Mtu = attributes.UInt32() };
                    break;
                case IFLA_LINK:
                    read = read with { Parent = attributes.Int32() };
                    break;
                case IFLA_LINK_NETNSID:
                    read = read with { ParentNamespace = attributes.Int32() };
                    break;
                case IFLA_MASTER:
                    read = read with { Master = attributes.Int32() };
                    break;
                case IFLA_TXQLEN:
                    read = read with { TransmitQueueLength = attributes.UInt32() };
                    break;
                case IFLA_PARENT_DEV_BUS_NAME:
                    read = read with { ParentBus = attributes.Text() };
                    break;
                case IFLA_LINKINFO:
                    read = ReadInfo(read, ref attributes);
                    break;
            }
        }

        link = read;
        return !attributes.IsDamaged && read.Name.Length > 0;
    }

    internal static NetlinkRequest Set(int index, string name, LinkSettings settings)
    {
        uint flags = 0, mask = 0;
        Flag(settings.Up, NetlinkLink.IFF_UP);
        Flag(settings.NoArp, NetlinkLink.IFF_NOARP);
        var request = Header(new NetlinkRequest(RouteTypes.RTM_NEWLINK, 0, name), index, flags, mask);
        if (settings.Address is { } address)
            request.Attribute(IFLA_ADDRESS, address);
        if (settings.Mtu is { } mtu)
            request.Attribute(IFLA_MTU, mtu);
        if (settings.Name is { } newName)
            request.Attribute(IFLA_IFNAME, newName);
        if (settings.NoOwnIpv6Address)
            request.Nest(
                IFLA_AF_SPEC, spec =>
                    spec.Nest(AF_INET6, v6 => v6.Attribute(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)));
        return request;

        void Flag(bool? wanted, uint bit)
        {
            if (wanted is null)
                return;
            mask |= bit;
            flags |= wanted.Value ? bit : 0;
        }
    }

    internal static NetlinkRequest Add(NewMacVtap link)
    {
        var request = Header(
            new NetlinkRequest(
                RouteTypes.RTM_NEWLINK, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_EXCL, link.Name), link.Index)
            .Attribute(IFLA_IFNAME, link.Name)
            .Attribute(IFLA_LINK, (uint)link.Parent);
        if (link.Address is { } address)
            request.Attribute(IFLA_ADDRESS, address);
        if (link.Mtu is { } mtu)
            request.Attribute(IFLA_MTU, mtu);
        if (link.TransmitQueueLength is { } length)
            request.Attribute(IFLA_TXQLEN, length);
        return request.Nest(IFLA_LINKINFO, info => info
            .Attribute(IFLA_INFO_KIND, "macvtap")
            .Nest(IFLA_INFO_DATA, data => data.Attribute(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE)));
    }

    private static NetlinkLink ReadInfo(NetlinkLink link, ref NetlinkAttributes outer)
    {
        var info = new NetlinkAttributes(outer.Value);
        while (info.MoveNext())
        {
            if (info.Type == IFLA_INFO_KIND)
                link = link with { Kind = info.Text() };
            else if (info.Type == IFLA_INFO_DATA && link.Kind == "tun")
                link = ReadTun(link, ref info);
        }
        outer.Judge(info);
        return link;
    }

    private static NetlinkLink ReadTun(NetlinkLink link, ref NetlinkAttributes outer)
    {
        var data = new NetlinkAttributes(outer.Value);
        while (data.MoveNext())
        {
            if (data.Type == IFLA_TUN_TYPE)
                link = link with { TunType = data.Byte() };
        }
        outer.Judge(data);
        return link;
    }

    private static NetlinkRequest Header(NetlinkRequest request, int index, uint flags = 0, uint mask = 0)
    {
        Span<byte> header = stackalloc byte[SizeOfHeader];
        header.Clear();
        MemoryMarshal.Write(header[4..], index);
        MemoryMarshal.Write(header[8..], flags);
        MemoryMarshal.Write(header[12..], mask);
        return request.Append(header);
    }
}
