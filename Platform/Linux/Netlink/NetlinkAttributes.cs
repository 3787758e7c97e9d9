using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using System.Text;

namespace Kata.Platform.Linux.Netlink;

/// <summary>
/// Walks attributes (<c>struct nlattr</c>). Whatever the bytes are, nothing outside of them is read: a length that does
/// not fit, or a value of another size than asked for, marks the walk as damaged.
/// </summary>
public ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const int HeaderSize = 4;
    private const int TypeMask = 0x3FFF;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Without the bits for nesting and byte order.</summary>
    public ushort Type { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>True once something did not fit.</summary>
    public bool IsDamaged { get; private set; }

    public bool MoveNext()
    {
        if (_rest.IsEmpty || IsDamaged)
            return false;
        if (_rest.Length < HeaderSize || MemoryMarshal.Read<ushort>(_rest) is var length
            && (length < HeaderSize || length > _rest.Length))
        {
            IsDamaged = true;
            return false;
        }

        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & TypeMask);
        Value = _rest[HeaderSize..length];
        _rest = _rest[Math.Min(NetlinkMessage.Align(length), _rest.Length)..];
        return true;
    }

    /// <summary>The value as an unsigned number of 8 bits.</summary>
    public byte Byte() => Has(1) ? Value[0] : (byte)0;

    /// <summary>The value as an unsigned number of 16 bits.</summary>
    public ushort UInt16() => Has(2) ? MemoryMarshal.Read<ushort>(Value) : (ushort)0;

    /// <summary>The value as an unsigned number of 32 bits.</summary>
    public uint UInt32() => Has(4) ? MemoryMarshal.Read<uint>(Value) : 0;

    /// <summary>The value as a signed number of 32 bits.</summary>
    public int Int32() => (int)UInt32();

    /// <summary>The value as text, up to its NUL.</summary>
    public readonly string Text()
    {
        var end = Value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? Value : Value[..end]);
    }

    /// <summary>The value as an address of IPv4 or IPv6, whichever its length says.</summary>
    public IPAddress? Address()
    {
        if (Value.Length is 4 or 16)
            return new IPAddress(Value);
        IsDamaged = true;
        return null;
    }

    /// <summary>The value as a link-layer address of whatever length; null if it is empty.</summary>
    public readonly PhysicalAddress? LinkAddress() => Value.IsEmpty ? null : new PhysicalAddress(Value.ToArray());

    /// <summary>Takes over the verdict of a walk within this value.</summary>
    public void Judge(scoped in NetlinkAttributes nested) => IsDamaged |= nested.IsDamaged;

    private bool Has(int size)
    {
        if (Value.Length == size)
            return true;
        IsDamaged = true;
        return false;
    }
}
