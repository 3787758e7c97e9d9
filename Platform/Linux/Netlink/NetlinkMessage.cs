using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux.Netlink;

/// <summary>
/// One message of netlink: the header's fields and the bytes behind it. Numbers are in the machine's order.
/// </summary>
public readonly ref struct NetlinkMessage
{
    /// <summary>Bytes of <c>struct nlmsghdr</c>.</summary>
    public const int HeaderSize = 16;

    public const ushort NLMSG_NOOP = 1;
    public const ushort NLMSG_ERROR = 2;
    public const ushort NLMSG_DONE = 3;

    public const ushort NLM_F_REQUEST = 0x1;
    public const ushort NLM_F_MULTI = 0x2;
    public const ushort NLM_F_ACK = 0x4;
    public const ushort NLM_F_DUMP_INTR = 0x10;
    public const ushort NLM_F_CAPPED = 0x100;
    public const ushort NLM_F_REPLACE = 0x100;
    public const ushort NLM_F_ACK_TLVS = 0x200;
    public const ushort NLM_F_EXCL = 0x200;
    public const ushort NLM_F_DUMP = 0x300;
    public const ushort NLM_F_CREATE = 0x400;
    public const ushort NLM_F_APPEND = 0x800;

    private NetlinkMessage(ushort type, ushort flags, uint sequence, uint port, ReadOnlySpan<byte> body)
    {
        Type = type;
        Flags = flags;
        Sequence = sequence;
        Port = port;
        Body = body;
    }

    public ushort Type { get; }

    public ushort Flags { get; }

    public uint Sequence { get; }

    /// <summary>The port of the socket that asked; 0 for what nobody asked for.</summary>
    public uint Port { get; }

    public ReadOnlySpan<byte> Body { get; }

    /// <summary>Takes the first message off; false at the end and at anything that is no whole message.</summary>
    public static bool TryTake(scoped ref ReadOnlySpan<byte> bytes, out NetlinkMessage message)
    {
        message = default;
        if (bytes.Length < HeaderSize)
            return false;
        var length = MemoryMarshal.Read<uint>(bytes);
        if (length < HeaderSize || length > (uint)bytes.Length)
            return false;
        message = new NetlinkMessage(
            MemoryMarshal.Read<ushort>(bytes[4..]), MemoryMarshal.Read<ushort>(bytes[6..]),
            MemoryMarshal.Read<uint>(bytes[8..]),
            MemoryMarshal.Read<uint>(bytes[12..]), bytes[HeaderSize..(int)length]);
        bytes = bytes[Math.Min(Align((int)length), bytes.Length)..];
        return true;
    }

    /// <summary>The next multiple of 4.</summary>
    internal static int Align(int length) => (length + 3) & ~3;

    /// <summary>Swaps between the machine's order and the network's.</summary>
    internal static ushort Network(ushort value) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
