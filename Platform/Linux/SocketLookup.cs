using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Programs of the kind sk_lookup: they choose the socket that gets what is sent to a network namespace, before the
/// kernel looks for one by address and port. They need CAP_BPF and CAP_NET_ADMIN, and Linux 5.9.
/// </summary>
internal static class SocketLookup
{
    private const int BPF_MAP_CREATE = 0;
    private const int BPF_MAP_UPDATE_ELEM = 2;
    private const int BPF_PROG_LOAD = 5;
    private const int BPF_LINK_CREATE = 28;
    private const int BPF_MAP_TYPE_SOCKMAP = 15;
    private const int BPF_PROG_TYPE_SK_LOOKUP = 30;
    private const int BPF_SK_LOOKUP = 36;
    private const int AttributeBytes = 128;

    /// <summary>Attaches a program to a namespace; it is gone with the answer.</summary>
    /// <param name="networkNamespace">Path of the namespace.</param>
    /// <param name="sockets">What the program chooses from, by their place in the list as key of its map.</param>
    /// <param name="program">The instructions for the map with this descriptor.</param>
    public static SafeFileHandle Attach(
        string networkNamespace, IReadOnlyList<Socket> sockets, Func<int, ulong[]> program)
    {
        using var map = CreateMap(sockets.Count);
        for (var key = 0; key < sockets.Count; key++)
            Put(map, key, sockets[key]);
        using var loaded = Load(program((int)map.DangerousGetHandle()));
        using var target = DescriptorIo.Open(networkNamespace, OpenFlags.O_RDONLY);
        return Link(loaded, target);
    }

    /// <summary>One instruction.</summary>
    public static ulong Op(byte code, int to, int from, int offset = 0, int immediate = 0) =>
        code | ((ulong)(uint)to << 8) | ((ulong)(uint)from << 12)
        | ((ulong)(ushort)(short)offset << 16) | ((ulong)(uint)immediate << 32);

    private static SafeFileHandle CreateMap(int entries)
    {
        Span<byte> attribute = stackalloc byte[AttributeBytes];
        attribute.Clear();
        Write32(attribute, 0, BPF_MAP_TYPE_SOCKMAP);
        Write32(attribute, 4, sizeof(int));
        Write32(attribute, 8, sizeof(long));
        Write32(attribute, 12, entries);
        return Call(BPF_MAP_CREATE, attribute, "BPF_MAP_CREATE");
    }

    private static unsafe void Put(SafeFileHandle map, int key, Socket socket)
    {
        var value = (long)socket.Handle;
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

    private static SafeFileHandle Call(int command, Span<byte> attribute, string name) =>
        new(CheckCall(command, attribute, name), ownsHandle: true);

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

    private static void Write32(Span<byte> bytes, int offset, int value) =>
        BitConverter.TryWriteBytes(bytes[offset..], value);

    private static void Write64(Span<byte> bytes, int offset, long value) =>
        BitConverter.TryWriteBytes(bytes[offset..], value);
}
