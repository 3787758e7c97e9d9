using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>What is known of a neighbour's link-layer address.</summary>
public sealed record NetlinkNeighbour
{
    public const ushort NUD_REACHABLE = 0x02;
    public const ushort NUD_NOARP = 0x40;
    public const ushort NUD_PERMANENT = 0x80;

    /// <summary>The link.</summary>
    public required int Index { get; init; }

    public required IPAddress Address { get; init; }

    /// <summary>Null if it is not known.</summary>
    public PhysicalAddress? LinkAddress { get; init; }

    /// <summary>NUD_ bits.</summary>
    public ushort State { get; init; }

    /// <summary>NTF_ bits.</summary>
    public byte Flags { get; init; }
}

/// <summary>Neighbours: <c>struct ndmsg</c> and its attributes.</summary>
public static class NeighbourMessages
{
    private const int SizeOfHeader = 12;
    private const ushort NDA_DST = 1;
    private const ushort NDA_LLADDR = 2;

    /// <summary>All neighbours of the namespace, of IPv4 and IPv6.</summary>
    public static IReadOnlyList<NetlinkNeighbour> Neighbours(this NetlinkSocket socket) =>
        socket.Dump<NetlinkNeighbour>(
            new NetlinkRequest(RouteTypes.RTM_GETNEIGH, 0, "neighbours").Append(new byte[SizeOfHeader]), TryRead);

    /// <summary>Adds a neighbour, or renews what is known of it.</summary>
    public static void ReplaceNeighbour(this NetlinkSocket socket, NetlinkNeighbour neighbour) =>
        socket.Send(Replace(neighbour));

    /// <summary>Reads a neighbour; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkNeighbour neighbour)
    {
        neighbour = null!;
        var body = message.Body;
        if (message.Type is not (RouteTypes.RTM_NEWNEIGH or RouteTypes.RTM_DELNEIGH) || body.Length < SizeOfHeader
            || IpFamily.LengthOf(body[0]) is not { } length)
            return false;
        IPAddress? address = null;
        PhysicalAddress? link = null;
        var attributes = new NetlinkAttributes(body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == NDA_DST)
                address = attributes.Address();
            else if (attributes.Type == NDA_LLADDR)
                link = attributes.LinkAddress();
        }

        if (attributes.IsDamaged || address is null || !IpFamily.Fits(address, length))
            return false;
        neighbour = new NetlinkNeighbour
        {
            Index = MemoryMarshal.Read<int>(body[4..]),
            Address = address,
            LinkAddress = link,
            State = MemoryMarshal.Read<ushort>(body[8..]),
            Flags = body[10],
        };
        return true;
    }

    internal static NetlinkRequest Replace(NetlinkNeighbour neighbour) =>
        Build(RouteTypes.RTM_NEWNEIGH, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_REPLACE, neighbour);

    private static NetlinkRequest Build(ushort type, ushort flags, NetlinkNeighbour neighbour)
    {
        Span<byte> header = stackalloc byte[SizeOfHeader];
        header.Clear();
        header[0] = IpFamily.Of(neighbour.Address);
        MemoryMarshal.Write(header[4..], neighbour.Index);
        MemoryMarshal.Write(header[8..], neighbour.State);
        header[10] = neighbour.Flags;
        var request = new NetlinkRequest(type, flags, $"neighbour {neighbour.Address}").Append(header)
            .Attribute(NDA_DST, neighbour.Address);
        if (neighbour.LinkAddress is { } link)
            request.Attribute(NDA_LLADDR, link);
        return request;
    }
}
