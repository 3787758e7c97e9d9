using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using static Kata.Platform.Linux.SocketLookup;

namespace Kata.Platform.Linux;

/// <summary>
/// Takes every TCP connection that is dialled to a loopback address of a network namespace, whatever its port: a
/// program of the kind sk_lookup hands it to one listener, whose accepted sockets tell the port as their local one. It
/// runs only when a connection is set up, and is gone with its descriptors.
/// </summary>
public sealed class LoopbackSteering : IDisposable
{
    private const int Backlog = 128;

    private readonly SafeFileHandle _link;

    private LoopbackSteering(Socket v4, Socket? v6, SafeFileHandle link)
    {
        V4 = v4;
        V6 = v6;
        _link = link;
    }

    /// <summary>Listens for what is dialled to 127.0.0.0/8.</summary>
    public Socket V4 { get; }

    /// <summary>Listens for what is dialled to ::1; null in a namespace without IPv6.</summary>
    public Socket? V6 { get; }

    /// <summary>Begins in the network namespace at a path. Needs CAP_BPF and CAP_NET_ADMIN, and Linux 5.9.</summary>
    public static Task<LoopbackSteering> OpenAsync(string networkNamespace) =>
        Namespaces.RunInNetworkNamespaceAsync(networkNamespace, () =>
    {
        var v4 = Listen(IPAddress.Loopback)!;
        var v6 = Listen(IPAddress.IPv6Loopback);
        try
        {
            Socket[] listeners = v6 is null ? [v4] : [v4, v6];
            var link = Attach(networkNamespace, listeners, map => Program(map, v6 is not null));
            return new LoopbackSteering(v4, v6, link);
        }
        catch
        {
            v4.Dispose();
            v6?.Dispose();
            throw;
        }
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        _link.Dispose();
        V4.Dispose();
        V6?.Dispose();
    }

    private static Socket? Listen(IPAddress address)
    {
        Socket? socket = null;
        try
        {
            socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, 0));
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException) when (address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            socket?.Dispose();
            return null;
        }
    }

    /// <summary>
    /// In words: leave alone what is not TCP to a loopback address; else take the family's listener out of the map, if
    /// it is there, and assign it. Every answer is "pass".
    /// </summary>
    private static ulong[] Program(int map, bool hasV6)
    {
        const int tcp = 6;
        const int inet = 2;
        const int inet6 = 10;
        // Offsets in struct bpf_sk_lookup.
        const int family = 8;
        const int protocol = 12;
        const int localIp4 = 40;
        const int localIp6 = 44;
        // Distances are in instructions from the next one; labels count from the start.
        const int v6 = 9;
        const int lookUp = 19;
        const int pass = 32;
        var one = BitConverter.IsLittleEndian ? 1 << 24 : 1;
        return
        [
            /* 0 */ Op(0xbf, 6, 1),                                    // r6 = context
            /* 1 */ Op(0x61, 2, 1, protocol),
            /* 2 */ Op(0x55, 2, 0, pass - 3, tcp),
            /* 3 */ Op(0x61, 2, 1, family),
            /* 4 */ Op(0x55, 2, 0, v6 - 5, inet),
            /* 5 */ Op(0x71, 2, 1, localIp4),                          // the first byte, as the wire has it
            /* 6 */ Op(0x55, 2, 0, pass - 7, 127),
            /* 7 */ Op(0x62, 10, 0, -4, 0),                            // key 0
            /* 8 */ Op(0x05, 0, 0, lookUp - 9),
            /* 9 */ Op(0x55, 2, 0, pass - 10, hasV6 ? inet6 : -1),
            /* 10 */ Op(0x61, 2, 1, localIp6),
            /* 11 */ Op(0x61, 3, 1, localIp6 + 4),
            /* 12 */ Op(0x4f, 2, 3),
            /* 13 */ Op(0x61, 3, 1, localIp6 + 8),
            /* 14 */ Op(0x4f, 2, 3),
            /* 15 */ Op(0x55, 2, 0, pass - 16, 0),
            /* 16 */ Op(0x61, 2, 1, localIp6 + 12),
            /* 17 */ Op(0x55, 2, 0, pass - 18, one),
            /* 18 */ Op(0x62, 10, 0, -4, 1),                           // key 1
            /* 19 */ Op(0x18, 1, 1, 0, map), 0,
            /* 21 */ Op(0xbf, 2, 10),
            /* 22 */ Op(0x07, 2, 0, 0, -4),
            /* 23 */ Op(0x85, 0, 0, 0, 1),                             // bpf_map_lookup_elem
            /* 24 */ Op(0x15, 0, 0, pass - 25, 0),
            /* 25 */ Op(0xbf, 7, 0),
            /* 26 */ Op(0xbf, 1, 6),
            /* 27 */ Op(0xbf, 2, 7),
            /* 28 */ Op(0xb7, 3, 0, 0, 0),
            /* 29 */ Op(0x85, 0, 0, 0, 124),                           // bpf_sk_assign
            /* 30 */ Op(0xbf, 1, 7),
            /* 31 */ Op(0x85, 0, 0, 0, 86),                            // bpf_sk_release
            /* 32 */ Op(0xb7, 0, 0, 0, 1),                             // SK_PASS
            /* 33 */ Op(0x95, 0, 0),
        ];
    }
}
