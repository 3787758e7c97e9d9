using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux.Netlink;

/// <summary>
/// Builds one message. Its size is bounded; what does not fit is refused with EMSGSIZE before anything is sent.
/// </summary>
public sealed class NetlinkRequest
{
    /// <summary>No request of ours comes near this.</summary>
    public const int LongestMessage = 16 * 1024;

    private const ushort NLA_F_NESTED = 0x8000;
    private const int AttributeHeader = 4;

    private byte[] _bytes = new byte[256];
    private int _length = NetlinkMessage.HeaderSize;

    /// <param name="what">What is done to what, for error texts, such as <c>eth0</c>.</param>
    /// <param name="flags">NLM_F_ bits; <c>NLM_F_REQUEST</c> is always added.</param>
    public NetlinkRequest(ushort type, ushort flags, string what)
    {
        Type = type;
        What = what;
        MemoryMarshal.Write(_bytes.AsSpan(4), type);
        MemoryMarshal.Write(_bytes.AsSpan(6), (ushort)(flags | NetlinkMessage.NLM_F_REQUEST));
    }

    public ushort Type { get; }

    /// <summary>What the request is about, for error texts.</summary>
    public string What { get; }

    /// <summary>Bytes of a structure behind the header, or behind what stands there.</summary>
    public NetlinkRequest Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Take(bytes.Length));
        return this;
    }

    public NetlinkRequest Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        if (value.Length > ushort.MaxValue - AttributeHeader)
            throw new LinuxException(Errno.EMSGSIZE, "netlink", What);
        var target = Take(AttributeHeader + value.Length);
        MemoryMarshal.Write(target, (ushort)(AttributeHeader + value.Length));
        MemoryMarshal.Write(target[2..], type);
        value.CopyTo(target[AttributeHeader..]);
        return this;
    }

    public NetlinkRequest Attribute(ushort type, byte value) => Attribute(type, [value]);

    public NetlinkRequest Attribute(ushort type, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        MemoryMarshal.Write(bytes, value);
        return Attribute(type, bytes);
    }

    /// <summary>Text with a NUL behind it.</summary>
    public NetlinkRequest Attribute(ushort type, string value) => Attribute(type, Encoding.UTF8.GetBytes(value + '\0'));

    public NetlinkRequest Attribute(ushort type, IPAddress value) => Attribute(type, value.GetAddressBytes());

    public NetlinkRequest Attribute(ushort type, PhysicalAddress value) => Attribute(type, value.GetAddressBytes());

    /// <summary>An attribute that holds what <paramref name="content"/> adds.</summary>
    public NetlinkRequest Nest(ushort type, Action<NetlinkRequest> content)
    {
        var start = _length;
        Attribute((ushort)(type | NLA_F_NESTED), []);
        content(this);
        MemoryMarshal.Write(_bytes.AsSpan(start), (ushort)(_length - start));
        return this;
    }

    /// <summary>The whole message with its number; lengths are filled in.</summary>
    public ReadOnlySpan<byte> Finish(uint sequence, ushort furtherFlags = 0)
    {
        MemoryMarshal.Write(_bytes.AsSpan(0), (uint)_length);
        MemoryMarshal.Write(_bytes.AsSpan(6), (ushort)(MemoryMarshal.Read<ushort>(_bytes.AsSpan(6)) | furtherFlags));
        MemoryMarshal.Write(_bytes.AsSpan(8), sequence);
        return _bytes.AsSpan(0, _length);
    }

    private Span<byte> Take(int length)
    {
        var next = NetlinkMessage.Align(_length + length);
        if (next > LongestMessage)
            throw new LinuxException(Errno.EMSGSIZE, "netlink", What);
        if (next > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(next, _bytes.Length * 2));
        var taken = _bytes.AsSpan(_length, length);
        _length = next;
        return taken;
    }
}
