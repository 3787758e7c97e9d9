namespace Kata.Platform.Ttrpc;

/// <summary>Base-128 integers of the protobuf wire format.</summary>
internal static class Varint
{
    public const int MaxSize32 = 5;

    public static int SizeOf(ulong value) =>
        (int)((70 - (uint)System.Numerics.BitOperations.LeadingZeroCount(value | 1)) / 7);

    public static int Write(Span<byte> target, ulong value)
    {
        var i = 0;
        while (value >= 0x80)
        {
            target[i++] = (byte)(value | 0x80);
            value >>= 7;
        }

        target[i++] = (byte)value;
        return i;
    }

    /// <summary>Bytes taken, or 0 when the source ends inside the number or it has more than ten bytes.</summary>
    public static int Read(ReadOnlySpan<byte> source, out ulong value)
    {
        value = 0;
        for (var i = 0; i < source.Length && i < 10; i++)
        {
            var b = source[i];
            if (i == 9 && b > 1)
                return 0;
            value |= (ulong)(b & 0x7f) << (7 * i);
            if (b < 0x80)
                return i + 1;
        }

        return 0;
    }
}

/// <summary>
/// Walks the fields of one message. A known field with another wire type than expected is skipped, as protobuf does.
/// </summary>
internal ref struct FieldReader(ReadOnlySpan<byte> source)
{
    private readonly ReadOnlySpan<byte> _source = source;
    private int _position;

    /// <summary>Number of the field just read.</summary>
    public int Field { get; private set; }

    /// <summary>
    /// True when the field is a length-delimited one; its bytes are <see cref="Start"/> and <see cref="Length"/>.
    /// </summary>
    public bool IsBytes { get; private set; }

    /// <summary>True when the field is an integer, held by <see cref="Number"/>.</summary>
    public bool IsNumber { get; private set; }

    public ulong Number { get; private set; }

    public int Start { get; private set; }

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Bytes => _source.Slice(Start, Length);

    /// <summary>Moves to the next field; false at the end.</summary>
    public bool Next()
    {
        if (_position == _source.Length)
            return false;

        var tag = ReadVarint();
        if (tag > uint.MaxValue || tag >> 3 == 0)
            throw new MalformedEnvelopeException("invalid field number");
        Field = (int)(tag >> 3);
        IsBytes = IsNumber = false;
        switch (tag & 7)
        {
            case 0:
                Number = ReadVarint();
                IsNumber = true;
                return true;
            case 1:
                Skip(8);
                return true;
            case 5:
                Skip(4);
                return true;
            case 2:
                var length = ReadVarint();
                if (length > (ulong)(_source.Length - _position))
                    throw new MalformedEnvelopeException("unexpected end of message");
                Start = _position;
                Length = (int)length;
                _position += Length;
                IsBytes = true;
                return true;
            default:
                throw new MalformedEnvelopeException("unsupported wire type");
        }
    }

    private void Skip(int count)
    {
        if (_source.Length - _position < count)
            throw new MalformedEnvelopeException("unexpected end of message");
        _position += count;
    }

    private ulong ReadVarint()
    {
        var size = Varint.Read(_source[_position..], out var value);
        if (size == 0)
            throw new MalformedEnvelopeException("invalid variable-length number");
        _position += size;
        return value;
    }
}
