using System.Globalization;

namespace Kata.Core.Domain.Networking;

/// <summary>A 48-bit link-layer address.</summary>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>Six bytes in the order of the wire.</summary>
    public static MacAddress Of(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, 6);
        var value = 0UL;
        foreach (var b in bytes)
            value = (value << 8) | b;
        return new MacAddress(value);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(byte)(Value >> 40):x2}:{(byte)(Value >> 32):x2}:{(byte)(Value >> 24):x2}:"
        + $"{(byte)(Value >> 16):x2}:{(byte)(Value >> 8):x2}:{(byte)Value:x2}");
}
