using System.Net;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>One of several ways of a route.</summary>
/// <param name="Index">The link.</param>
/// <param name="Gateway">The next hop; null for what is on the link.</param>
/// <param name="Flags">RTNH_F_ bits.</param>
public readonly record struct NetlinkHop(int Index, IPAddress? Gateway, byte Flags);

/// <summary>A route.</summary>
public sealed record NetlinkRoute
{
    public const byte RTPROT_KERNEL = 2;
    public const byte RTPROT_BOOT = 3;
    public const byte RTN_UNICAST = 1;
    public const byte RT_SCOPE_UNIVERSE = 0;
    public const byte RT_SCOPE_LINK = 253;
    public const uint RT_TABLE_MAIN = 254;
    public const uint RTNH_F_ONLINK = 4;
    public const uint RTM_F_CLONED = 0x200;

    public bool IsV6 { get; init; }

    /// <summary>Where it leads; null for the default route, with <see cref="PrefixLength"/> 0.</summary>
    public IPAddress? Destination { get; init; }

    public byte PrefixLength { get; init; }

    /// <summary>The next hop; null for what is on the link. It may be of the other family.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Preferred source address.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>The link; 0 if there is none, or several: then see <see cref="Hops"/>.</summary>
    public int Index { get; init; }

    public byte Scope { get; init; }

    /// <summary>RTPROT_ number: who made it.</summary>
    public byte Protocol { get; init; } = RTPROT_BOOT;

    /// <summary>RTN_ number.</summary>
    public byte Type { get; init; } = RTN_UNICAST;

    public uint Table { get; init; } = RT_TABLE_MAIN;

    /// <summary>RTNH_F_ and RTM_F_ bits.</summary>
    public uint Flags { get; init; }

    /// <summary>Priority; 0 for the kernel's default.</summary>
    public uint Metric { get; init; }

    /// <summary>0 for the link's.</summary>
    public uint Mtu { get; init; }

    /// <summary>Several ways; empty for a plain route.</summary>
    public IReadOnlyList<NetlinkHop> Hops { get; init; } = [];

    public override string ToString()
    {
        var to = Destination is null ? "default" : $"{Destination}/{PrefixLength}";
        return Gateway is null ? $"{to} on link {Index}" : $"{to} via {Gateway} on link {Index}";
    }
}

/// <summary>Routes: <c>struct rtmsg</c> and its attributes.</summary>
public static class RouteMessages
{
    private const int SizeOfHeader = 12;
    private const int SizeOfHop = 8;
    private const ushort RTA_DST = 1;
    private const ushort RTA_OIF = 4;
    private const ushort RTA_GATEWAY = 5;
    private const ushort RTA_PRIORITY = 6;
    private const ushort RTA_PREFSRC = 7;
    private const ushort RTA_METRICS = 8;
    private const ushort RTA_MULTIPATH = 9;
    private const ushort RTA_TABLE = 15;
    private const ushort RTA_VIA = 18;
    private const ushort RTAX_MTU = 2;
    private const uint TablesInHeader = 256;

    /// <summary>
    /// All routes of the namespace, of all tables, of IPv4 and IPv6; without what the kernel has cached.
    /// </summary>
    public static IReadOnlyList<NetlinkRoute> Routes(this NetlinkSocket socket) => [.. socket
        .Dump<NetlinkRoute>(
            new NetlinkRequest(RouteTypes.RTM_GETROUTE, 0, "routes").Append(new byte[SizeOfHeader]), TryRead)
        .Where(route => (route.Flags & NetlinkRoute.RTM_F_CLONED) == 0)];

    /// <summary>Adds a route, or takes the place of the one with the same destination and metric.</summary>
    public static void ReplaceRoute(this NetlinkSocket socket, NetlinkRoute route) => socket.Send(Replace(route));

    /// <summary>Reads a route; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkRoute route)
    {
        route = null!;
        var body = message.Body;
        if (message.Type is not (RouteTypes.RTM_NEWROUTE or RouteTypes.RTM_DELROUTE) || body.Length < SizeOfHeader
            || IpFamily.LengthOf(body[0]) is not { } length || body[1] > length * 8)
        {
            return false;
        }

        var read = new NetlinkRoute
        {
            IsV6 = length == 16,
            PrefixLength = body[1],
            Table = body[4],
            Protocol = body[5],
            Scope = body[6],
            Type = body[7],
            Flags = MemoryMarshal.Read<uint>(body[8..]),
        };
        var attributes = new NetlinkAttributes(body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case RTA_DST:
                    read = read with { Destination = attributes.Address() };
                    break;
                case RTA_OIF:
                    read = read with { Index = attributes.Int32() };
                    break;
                case RTA_GATEWAY:
                    read = read with { Gateway = attributes.Address() };
                    break;
                case RTA_VIA:
                    read = read with { Gateway = Via(ref attributes) };
                    break;
                case RTA_PRIORITY:
                    read = read with { Metric = attributes.UInt32() };
                    break;
                case RTA_PREFSRC:
                    read = read with { Source = attributes.Address() };
                    break;
                case RTA_TABLE:
                    read = read with { Table = attributes.UInt32() };
                    break;
                case RTA_METRICS:
                    read = read with { Mtu = ReadMtu(ref attributes) };
                    break;
                case RTA_MULTIPATH:
                    if (ReadHops(attributes.Value) is not { } hops)
                        return false;
                    read = read with { Hops = hops };
                    break;
            }
        }

        // The default route may be told with an address of zeros, or without.
        if (read.PrefixLength == 0)
            read = read with { Destination = null };
        if (attributes.IsDamaged || (read.Destination is null) != (read.PrefixLength == 0)
            || !IpFamily.Fits(read.Destination, length) || !IpFamily.Fits(read.Source, length))
        {
            return false;
        }
        route = read;
        return true;
    }

    internal static NetlinkRequest Replace(NetlinkRoute route) =>
        Build(RouteTypes.RTM_NEWROUTE, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_REPLACE, route);

    private static NetlinkRequest Build(ushort type, ushort flags, NetlinkRoute route)
    {
        Span<byte> header = stackalloc byte[SizeOfHeader];
        header.Clear();
        header[0] = IpFamily.Of(route.IsV6);
        header[1] = route.Destination is null ? (byte)0 : route.PrefixLength;
        header[4] = route.Table < TablesInHeader ? (byte)route.Table : (byte)0;
        header[5] = route.Protocol;
        header[6] = route.Scope;
        header[7] = route.Type;
        MemoryMarshal.Write(header[8..], route.Flags);
        var request = new NetlinkRequest(type, flags, route.ToString()).Append(header);
        if (route.Destination is { } destination)
            request.Attribute(RTA_DST, destination);
        if (route.Gateway is { } gateway)
        {
            if (IpFamily.Of(gateway) == header[0])
                request.Attribute(RTA_GATEWAY, gateway);
            else
                request.Attribute(RTA_VIA, [.. Family(gateway), .. gateway.GetAddressBytes()]);
        }
        if (route.Source is { } source)
            request.Attribute(RTA_PREFSRC, source);
        if (route.Index != 0)
            request.Attribute(RTA_OIF, (uint)route.Index);
        if (route.Metric != 0)
            request.Attribute(RTA_PRIORITY, route.Metric);
        if (route.Table >= TablesInHeader)
            request.Attribute(RTA_TABLE, route.Table);
        if (route.Mtu != 0)
            request.Nest(RTA_METRICS, metrics => metrics.Attribute(RTAX_MTU, route.Mtu));
        return request;
    }

    private static byte[] Family(IPAddress address) => BitConverter.GetBytes((ushort)IpFamily.Of(address));

    /// <summary>A next hop of the other family: <c>struct rtvia</c>, two bytes of family, then the address.</summary>
    private static IPAddress? Via(ref NetlinkAttributes attributes) =>
        attributes.Value.Length is 6 or 18 ? new IPAddress(attributes.Value[2..]) : null;

    private static uint ReadMtu(ref NetlinkAttributes outer)
    {
        uint mtu = 0;
        var metrics = new NetlinkAttributes(outer.Value);
        while (metrics.MoveNext())
        {
            if (metrics.Type == RTAX_MTU)
                mtu = metrics.UInt32();
        }
        outer.Judge(metrics);
        return mtu;
    }

    /// <summary>A list of <c>struct rtnexthop</c>, each with attributes; null if it is damaged.</summary>
    private static List<NetlinkHop>? ReadHops(ReadOnlySpan<byte> bytes)
    {
        var hops = new List<NetlinkHop>();
        while (!bytes.IsEmpty)
        {
            if (bytes.Length < SizeOfHop || MemoryMarshal.Read<ushort>(bytes) is var length
                && (length < SizeOfHop || length > bytes.Length))
                return null;
            IPAddress? gateway = null;
            var attributes = new NetlinkAttributes(bytes[SizeOfHop..length]);
            while (attributes.MoveNext())
            {
                if (attributes.Type == RTA_GATEWAY)
                    gateway = attributes.Address();
                else if (attributes.Type == RTA_VIA)
                    gateway = Via(ref attributes);
            }
            if (attributes.IsDamaged)
                return null;
            hops.Add(new NetlinkHop(MemoryMarshal.Read<int>(bytes[4..]), gateway, bytes[2]));
            bytes = bytes[Math.Min(NetlinkMessage.Align(length), bytes.Length)..];
        }
        return hops;
    }
}
