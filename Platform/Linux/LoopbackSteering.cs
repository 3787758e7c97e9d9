using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Takes every TCP connection that is dialled to a loopback address of a network namespace, whatever its port: a program
/// of the kind sk_lookup hands it to one listener, whose accepted sockets tell the port as their local one. It runs only
/// when a connection is set up, and is gone with its descriptors.
/// </summary>
public sealed class LoopbackSteering : IDisposable
{
    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_LINK_CREATE = 28;
    private const int BPF_MAP_TYPE_SOCKMAP = 15;
    private const int BPF_PROG_TYPE_SK_LOOKUP = 30;
    private const int BPF_SK_LOOKUP = 36;
    private const int AttributeBytes = 128;
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
    public static Task<LoopbackSteering> OpenAsync(string networkNamespace) => Namespaces.RunInNetworkNamespaceAsync(networkNamespace, () =>
    {
        var v4 = Listen(IPAddress.Loopback)!;
        var v6 = Listen(IPAddress.IPv6Loopback);
        try
        {
            using var map = CreateMap();
            Put(map, 0, v4);
            if (v6 is not null)
                Put(map, 1, v6);
            using var program = Load(Program((int)map.DangerousGetHandle(), v6 is not null));
            using var target = DescriptorIo.Open(networkNamespace, OpenFlags.O_RDONLY);
            return new LoopbackSteering(v4, v6, Link(program, target));
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

    private static SafeFileHandle CreateMap()
    {
        Span<byte> attribute = stackalloc byte[AttributeBytes];
        attribute.Clear();
        Write32(attribute, 0, BPF_MAP_TYPE_SOCKMAP);
        Write32(attribute, 4, sizeof(int));
        Write32(attribute, 8, sizeof(long));
        Write32(attribute, 12, 2);
        return Call(BPF_MAP_CREATE, attribute, "BPF_MAP_CREATE");
    }

    private static unsafe void Put(SafeFileHandle map, int key, Socket listener)
    {
        var value = (long)listener.Handle;
        Span<byte> attribute = stackalloc byte[AttributeBytes];
        attribute.Clear();
        Write32(attribute, 0, (int)map.DangerousGetHandle());
        // SAFETY: key and value are locals that outlive the call.
        Write64(attribute, 8, (long)&key);
        Write64(attribute, 16, (long)&value);
        _ = CheckCall(BPF_MAP_UPDATE_ELEM, attribute, "BPF_MAP_UPDATE_ELEM");
    }

    private static unsafe SafeFileHandle Load(ulong[] instructions)
    {
        Span<byte> attribute = stackalloc byte[AttributeBytes];
        attribute.Clear();
        // SAFETY: both are pinned for the call, which copies them.
        fixed (ulong* code = instructions)
        fixed (byte* license = "Apache-2.0\0"u8)
        {
            Write32(attribute, 0, BPF_PROG_TYPE_SK_LOOKUP);
            Write32(attribute, 4, instructions.Length);
            Write64(attribute, 8, (long)code);
            Write64(attribute, 16, (long)license);
            Write32(attribute, 68, BPF_SK_LOOKUP);
            return Call(BPF_PROG_LOAD, attribute, "BPF_PROG_LOAD");
        }
    }

    private static SafeFileHandle Link(SafeFileHandle program, SafeFileHandle networkNamespace)
    {
        Span<byte> attribute = stackalloc byte[AttributeBytes];
        attribute.Clear();
        Write32(attribute, 0, (int)program.DangerousGetHandle());
        Write32(attribute, 4, (int)networkNamespace.DangerousGetHandle());
        Write32(attribute, 8, BPF_SK_LOOKUP);
        return Call(BPF_LINK_CREATE, attribute, "BPF_LINK_CREATE");
    }

    /// <summary>
    /// In words: leave alone what is not TCP to a loopback address; else take the family's listener out of the map, if it is
    /// there, and assign it. Every answer is "pass".
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

    private static ulong Op(byte code, int to, int from, int offset = 0, int immediate = 0) =>
        code | ((ulong)(uint)to << 8) | ((ulong)(uint)from << 12) | ((ulong)(ushort)(short)offset << 16) | ((ulong)(uint)immediate << 32);

    private static SafeFileHandle Call(int command, Span<byte> attribute, string name) => new(CheckCall(command, attribute, name), ownsHandle: true);

    private static unsafe nint CheckCall(int command, Span<byte> attribute, string name)
    {
        // SAFETY: the attribute is as long as is said, and pinned for the call.
        fixed (byte* bytes = attribute)
        {
            var result = Libc.syscall(SyscallNumber.Bpf, command, (nint)bytes, AttributeBytes, 0, 0);
            LinuxException.Check((int)result, "bpf", name);
            return result;
        }
    }

    private static void Write32(Span<byte> bytes, int offset, int value) => BitConverter.TryWriteBytes(bytes[offset..], value);

    private static void Write64(Span<byte> bytes, int offset, long value) => BitConverter.TryWriteBytes(bytes[offset..], value);
}
