using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using static Kata.Platform.Linux.SocketLookup;

namespace Kata.Platform.Linux;

/// <summary>
/// Takes what is sent to port 53 of one IPv4 address in a network namespace, by UDP and by TCP, without having that
/// port: a program that serves names itself can still bind it on every address. Gone with its descriptors.
/// </summary>
public sealed class NameServerSockets : IDisposable
{
    private const int Port = 53;
    private const int Backlog = 32;
    private const int SizeOfUdpHeader = 8;

    private readonly Socket _replies;
    private readonly SafeFileHandle _link;

    private NameServerSockets(Socket tcp, Socket udp, Socket replies, SafeFileHandle link)
    {
        Tcp = tcp;
        Udp = udp;
        _replies = replies;
        _link = link;
    }

    /// <summary>Listens.</summary>
    public Socket Tcp { get; }

    /// <summary>Receives. It has another port, so its answers go by <see cref="Reply"/>.</summary>
    public Socket Udp { get; }

    /// <summary>Begins in the network namespace at a path. Needs CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW.</summary>
    public static Task<NameServerSockets> OpenAsync(string networkNamespace, IPAddress address) =>
        Namespaces.RunInNetworkNamespaceAsync(networkNamespace, () =>
        {
            var open = new List<Socket>();
            try
            {
                var tcp = Bind(open, address, SocketType.Stream, ProtocolType.Tcp);
                tcp.Listen(Backlog);
                var udp = Bind(open, address, SocketType.Dgram, ProtocolType.Udp);
                var replies = Bind(open, address, SocketType.Raw, ProtocolType.Udp);
                // It only sends, but hears every datagram to the address.
                replies.ReceiveBufferSize = 0;
                var link = Attach(networkNamespace, [tcp, udp], map => Program(map, address));
                return new NameServerSockets(tcp, udp, replies, link);
            }
            catch
            {
                open.ForEach(socket => socket.Dispose());
                throw;
            }
        });

    /// <summary>Sends a datagram from port 53 of the address. One that cannot be sent is lost.</summary>
    public void Reply(IPEndPoint to, ReadOnlySpan<byte> message)
    {
        if (message.Length > ushort.MaxValue - SizeOfUdpHeader)
            return;
        // Source and destination port, length, and no checksum, which IPv4 allows.
        var packet = new byte[SizeOfUdpHeader + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet, Port);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)packet.Length);
        message.CopyTo(packet.AsSpan(SizeOfUdpHeader));
        try
        {
            _replies.SendTo(packet, new IPEndPoint(to.Address, 0));
        }
        catch (SocketException)
        {
            // Too long for the way to the asker, or no room now.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _link.Dispose();
        Tcp.Dispose();
        Udp.Dispose();
        _replies.Dispose();
    }

    private static Socket Bind(List<Socket> open, IPAddress address, SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        open.Add(socket);
        socket.Bind(new IPEndPoint(address, 0));
        return socket;
    }

    /// <summary>
    /// In words: leave alone what is not sent to port 53 of the address by TCP or UDP; else take the protocol's socket
    /// out of the map and assign it. Every answer is "pass".
    /// </summary>
    private static ulong[] Program(int map, IPAddress address)
    {
        const int tcp = 6;
        const int udp = 17;
        const int inet = 2;
        // Offsets in struct bpf_sk_lookup.
        const int family = 8;
        const int protocol = 12;
        const int localIp4 = 40;
        const int localPort = 60;
        // Distances are in instructions from the next one; labels count from the start.
        const int lookUp = 12;
        const int pass = 25;
        var ip4 = BitConverter.ToInt32(address.GetAddressBytes());
        return
        [
            /* 0 */ Op(0xbf, 6, 1),                            // r6 = context
            /* 1 */ Op(0x61, 2, 1, family),
            /* 2 */ Op(0x55, 2, 0, pass - 3, inet),
            /* 3 */ Op(0x61, 2, 1, localIp4),
            /* 4 */ Op(0x56, 2, 0, pass - 5, ip4),             // as the wire has it
            /* 5 */ Op(0x61, 2, 1, localPort),
            /* 6 */ Op(0x55, 2, 0, pass - 7, Port),
            /* 7 */ Op(0x61, 2, 1, protocol),
            /* 8 */ Op(0x62, 10, 0, -4, 0),                    // key 0
            /* 9 */ Op(0x15, 2, 0, lookUp - 10, tcp),
            /* 10 */ Op(0x55, 2, 0, pass - 11, udp),
            /* 11 */ Op(0x62, 10, 0, -4, 1),                   // key 1
            /* 12 */ Op(0x18, 1, 1, 0, map), 0,
            /* 14 */ Op(0xbf, 2, 10),
            /* 15 */ Op(0x07, 2, 0, 0, -4),
            /* 16 */ Op(0x85, 0, 0, 0, 1),                     // bpf_map_lookup_elem
            /* 17 */ Op(0x15, 0, 0, pass - 18, 0),
            /* 18 */ Op(0xbf, 7, 0),
            /* 19 */ Op(0xbf, 1, 6),
            /* 20 */ Op(0xbf, 2, 7),
            /* 21 */ Op(0xb7, 3, 0, 0, 0),
            /* 22 */ Op(0x85, 0, 0, 0, 124),                   // bpf_sk_assign
            /* 23 */ Op(0xbf, 1, 7),
            /* 24 */ Op(0x85, 0, 0, 0, 86),                    // bpf_sk_release
            /* 25 */ Op(0xb7, 0, 0, 0, 1),                     // SK_PASS
            /* 26 */ Op(0x95, 0, 0),
        ];
    }
}
