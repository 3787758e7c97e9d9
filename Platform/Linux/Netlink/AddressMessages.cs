using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>An address of a link.</summary>
public sealed record NetlinkAddress
{
    public const uint IFA_F_NODAD = 0x2;
    public const uint IFA_F_DADFAILED = 0x8;
    public const uint IFA_F_TENTATIVE = 0x40;
    public const uint IFA_F_NOPREFIXROUTE = 0x200;

    /// <summary>The link.</summary>
    public required int Index { get; init; }

    public required IPAddress Address { get; init; }

    public byte PrefixLength { get; init; }

    /// <summary>The other end of a point-to-point link; null for none.</summary>
    public IPAddress? Peer { get; init; }

    public IPAddress? Broadcast { get; init; }

    /// <summary>0 universe, 253 link, 254 host.</summary>
    public byte Scope { get; init; }

    /// <summary>IFA_F_ bits.</summary>
    public uint Flags { get; init; }
}

/// <summary>Addresses: <c>struct ifaddrmsg</c> and its attributes.</summary>
public static class AddressMessages
{
    private const int SizeOfHeader = 8;
    private const ushort IFA_ADDRESS = 1;
    private const ushort IFA_LOCAL = 2;
    private const ushort IFA_BROADCAST = 4;
    private const ushort IFA_FLAGS = 8;

    /// <summary>All addresses of the namespace, of IPv4 and IPv6.</summary>
    public static IReadOnlyList<NetlinkAddress> Addresses(this NetlinkSocket socket) =>
        socket.Dump<NetlinkAddress>(
            new NetlinkRequest(RouteTypes.RTM_GETADDR, 0, "addresses").Append(new byte[SizeOfHeader]), TryRead);

    /// <summary>Adds an address, or renews it if it is there.</summary>
    public static void ReplaceAddress(this NetlinkSocket socket, NetlinkAddress address) =>
        socket.Send(Replace(address));

    /// <summary>Takes an address away; false if it is gone already, or its link is.</summary>
    public static bool TryDeleteAddress(this NetlinkSocket socket, NetlinkAddress address) =>
        socket.TrySend(Build(RouteTypes.RTM_DELADDR, 0, address), Errno.EADDRNOTAVAIL, Errno.ENODEV);

    /// <summary>Reads an address; false for other messages and for damaged ones.</summary>
    public static bool TryRead(in NetlinkMessage message, out NetlinkAddress address)
    {
        address = null!;
        var body = message.Body;
        if (message.Type is not (RouteTypes.RTM_NEWADDR or RouteTypes.RTM_DELADDR) || body.Length < SizeOfHeader
            || IpFamily.LengthOf(body[0]) is not { } length)
            return false;
        IPAddress? local = null, either = null, broadcast = null;
        uint flags = body[2];
        var attributes = new NetlinkAttributes(body[SizeOfHeader..]);
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case IFA_LOCAL:
                    local = attributes.Address();
                    break;
                case IFA_ADDRESS:
                    either = attributes.Address();
                    break;
                case IFA_BROADCAST:
                    broadcast = attributes.Address();
                    break;
                case IFA_FLAGS:
                    flags = attributes.UInt32();
                    break;
            }
        }

        // With both there, the one that is not local is the other end of the link.
        var own = local ?? either;
        if (attributes.IsDamaged || own is null || body[1] > length * 8 || own.GetAddressBytes().Length != length)
            return false;
        address = new NetlinkAddress
        {
            Index = MemoryMarshal.Read<int>(body[4..]),
            Address = own,
            PrefixLength = body[1],
            Peer = either is not null && !either.Equals(own) ? either : null,
            Broadcast = broadcast,
            Scope = body[3],
            Flags = flags,
        };
        return true;
    }

    internal static NetlinkRequest Replace(NetlinkAddress address) =>
        Build(RouteTypes.RTM_NEWADDR, NetlinkMessage.NLM_F_CREATE | NetlinkMessage.NLM_F_REPLACE, address);

    private static NetlinkRequest Build(ushort type, ushort flags, NetlinkAddress address)
    {
        Span<byte> header = stackalloc byte[SizeOfHeader];
        header[0] = IpFamily.Of(address.Address);
        header[1] = address.PrefixLength;
        header[2] = (byte)address.Flags;
        header[3] = address.Scope;
        MemoryMarshal.Write(header[4..], address.Index);
        var request = new NetlinkRequest(type, flags, $"{address.Address}/{address.PrefixLength}")
            .Append(header)
            .Attribute(IFA_LOCAL, address.Address)
            .Attribute(IFA_ADDRESS, address.Peer ?? address.Address);
        if (address.Broadcast is { } broadcast)
            request.Attribute(IFA_BROADCAST, broadcast);
        if (address.Flags != 0)
            request.Attribute(IFA_FLAGS, address.Flags);
        return request;
    }
}

/// <summary>AF_INET and AF_INET6 as bytes of a message.</summary>
internal static class IpFamily
{
    internal const byte AF_INET = 2;
    internal const byte AF_INET6 = 10;

    internal static byte Of(IPAddress address) => Of(address.AddressFamily == AddressFamily.InterNetworkV6);

    internal static byte Of(bool isV6) => isV6 ? AF_INET6 : AF_INET;

    /// <summary>Bytes of an address; null for other families.</summary>
    internal static int? LengthOf(byte family) => family switch
    {
        AF_INET => 4,
        AF_INET6 => 16,
        _ => null,
    };

    internal static bool Fits(IPAddress? address, int length) =>
        address is null
            || address.AddressFamily == (length == 16 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
}
