using System.Buffers.Binary;

namespace Kata.Platform.Ttrpc;

internal enum FrameType : byte
{
    Request = 1,
    Response = 2,
    Data = 3,
}

[Flags]
internal enum FrameFlags : byte
{
    None = 0,

    /// <summary>The sender will send no more on this stream.</summary>
    RemoteClosed = 0x01,

    /// <summary>More Data frames will follow from the sender.</summary>
    RemoteOpen = 0x02,

    /// <summary>The frame carries no message, as opposed to an empty one.</summary>
    NoData = 0x04,
}

/// <summary>The ten bytes before every message, big-endian: length, stream id, type, flags.</summary>
internal readonly record struct FrameHeader(uint Length, uint StreamId, FrameType Type, FrameFlags Flags)
{
    public const int Size = 10;

    public static FrameHeader Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt32BigEndian(source),
        BinaryPrimitives.ReadUInt32BigEndian(source[4..]),
        (FrameType)source[8],
        (FrameFlags)source[9]);

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, Length);
        BinaryPrimitives.WriteUInt32BigEndian(target[4..], StreamId);
        target[8] = (byte)Type;
        target[9] = (byte)Flags;
    }
}

/// <summary>A whole frame in a pooled buffer. Whoever holds it sends it or gives the buffer back, once.</summary>
internal readonly record struct OutgoingFrame(byte[] Buffer, int Offset, int Count)
{
    public ReadOnlySpan<byte> Span => Buffer.AsSpan(Offset, Count);

    public ReadOnlyMemory<byte> Memory => Buffer.AsMemory(Offset, Count);

    public OutgoingFrame Skip(int count) => new(Buffer, Offset + count, Count - count);

    /// <summary>The id is known only when the frame gets its place in the order of sending.</summary>
    public void SetStreamId(uint id) => BinaryPrimitives.WriteUInt32BigEndian(Buffer.AsSpan(Offset + 4), id);

    public void Return() => System.Buffers.ArrayPool<byte>.Shared.Return(Buffer);
}
