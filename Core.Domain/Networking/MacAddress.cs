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

    /// <summary>Reads six hexadecimal pairs between colons.</summary>
    public static bool TryParse(string text, out MacAddress mac)
    {
        mac = default;
        var parts = text.Split(':');
        if (parts.Length != 6)
            return false;
        var value = 0UL;
        foreach (var part in parts)
        {
            if (part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b))
                return false;
            value = (value << 8) | b;
        }

        mac = new MacAddress(value);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(byte)(Value >> 40):x2}:{(byte)(Value >> 32):x2}:{(byte)(Value >> 24):x2}:{(byte)(Value >> 16):x2}:{(byte)(Value >> 8):x2}:{(byte)Value:x2}");
}
