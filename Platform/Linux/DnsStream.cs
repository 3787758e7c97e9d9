using System.Buffers.Binary;

namespace Kata.Platform.Linux;

/// <summary>Messages of DNS on a byte stream, each behind its length.</summary>
public static class DnsStream
{
    private const int SizeOfLength = 2;

    /// <summary>The next message; null at the stream's end, also in the middle of one.</summary>
    public static async Task<byte[]?> ReadAsync(Stream stream, CancellationToken ct)
    {
        var length = new byte[SizeOfLength];
        if (await stream.ReadAtLeastAsync(length, SizeOfLength, throwOnEndOfStream: false, ct) < SizeOfLength)
            return null;
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        var read = await stream.ReadAtLeastAsync(message, message.Length, throwOnEndOfStream: false, ct);
        return read == message.Length ? message : null;
    }

    /// <summary>Writes a message, at most 65535 bytes.</summary>
    public static async Task WriteAsync(Stream stream, ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        var packet = new byte[SizeOfLength + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet, checked((ushort)message.Length));
        message.CopyTo(packet.AsMemory(SizeOfLength));
        await stream.WriteAsync(packet, ct);
    }
}
