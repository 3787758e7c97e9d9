using System.Buffers;
using System.Text;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// Builds one outgoing frame in a pooled buffer. The message is serialized behind a reserved space, into which the
/// header and the envelope's first fields are then written backwards from the message, so nothing is copied.
/// </summary>
internal sealed class FrameBuilder : SerializationContext, IBufferWriter<byte>
{
    private const int ResponseReserve = FrameHeader.Size + 2 + 1 + Varint.MaxSize32;
    private const int MaxStatusText = 16 * 1024;

    [ThreadStatic]
    private static FrameBuilder? t_free;

    private byte[]? _buffer;
    private int _reserve;
    private int _end;
    private int _limit;

    /// <summary>A unary result: status OK and the message.</summary>
    /// <exception cref="MessageTooLargeException">The frame would exceed <paramref name="limit"/>.</exception>
    public static OutgoingFrame Response<T>(uint streamId, Marshaller<T> marshaller, T message, int limit)
    {
        var builder = Take(ResponseReserve, limit);
        try
        {
            marshaller.ContextualSerializer(message, builder);
            return builder.FinishResponse(streamId);
        }
        finally
        {
            builder.Release();
        }
    }

    /// <summary>
    /// A failed call: status only, since some clients decode a payload before they look at the status.
    /// </summary>
    public static OutgoingFrame Error(uint streamId, StatusCode code, string text)
    {
        if (text.Length > MaxStatusText)
            text = text[..MaxStatusText];
        var textSize = Encoding.UTF8.GetByteCount(text);
        var textField = textSize == 0 ? 0 : 1 + Varint.SizeOf((uint)textSize) + textSize;
        var statusSize = 1 + Varint.SizeOf((uint)code) + textField;
        var length = 1 + Varint.SizeOf((uint)statusSize) + statusSize;
        var buffer = ArrayPool<byte>.Shared.Rent(FrameHeader.Size + length);
        new FrameHeader((uint)length, streamId, FrameType.Response, FrameFlags.None).Write(buffer);
        var at = FrameHeader.Size;
        buffer[at++] = 1 << 3 | 2;
        at += Varint.Write(buffer.AsSpan(at), (uint)statusSize);
        buffer[at++] = 1 << 3;
        at += Varint.Write(buffer.AsSpan(at), (uint)code);
        if (textSize > 0)
        {
            buffer[at++] = 2 << 3 | 2;
            at += Varint.Write(buffer.AsSpan(at), (uint)textSize);
            at += Encoding.UTF8.GetBytes(text, buffer.AsSpan(at));
        }

        return new OutgoingFrame(buffer, 0, at);
    }

    /// <summary>One message of a stream.</summary>
    /// <exception cref="MessageTooLargeException">The frame would exceed <paramref name="limit"/>.</exception>
    public static OutgoingFrame Data<T>(uint streamId, Marshaller<T> marshaller, T message, int limit)
    {
        var builder = Take(FrameHeader.Size, limit);
        try
        {
            marshaller.ContextualSerializer(message, builder);
            return builder.Detach(FrameHeader.Size, new FrameHeader(0, streamId, FrameType.Data, FrameFlags.None));
        }
        finally
        {
            builder.Release();
        }
    }

    /// <summary>The end of one side of a stream.</summary>
    public static OutgoingFrame EndOfData(uint streamId)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FrameHeader.Size);
        new FrameHeader(0, streamId, FrameType.Data, FrameFlags.RemoteClosed | FrameFlags.NoData).Write(buffer);
        return new OutgoingFrame(buffer, 0, FrameHeader.Size);
    }

    /// <summary>
    /// A call, with the stream id left open. A client-streaming call has no message here: its payload stays empty.
    /// </summary>
    /// <exception cref="MessageTooLargeException">The frame would exceed <paramref name="limit"/>.</exception>
    public static OutgoingFrame Request<TRequest>(
        string service, string method, Marshaller<TRequest>? marshaller, TRequest? message, FrameFlags flags,
        long timeoutNano, Metadata? metadata, int limit)
    {
        var serviceSize = Encoding.UTF8.GetByteCount(service);
        var methodSize = Encoding.UTF8.GetByteCount(method);
        var names = 2 + Varint.SizeOf((uint)serviceSize) + serviceSize + Varint.SizeOf((uint)methodSize) + methodSize;
        var builder = Take(FrameHeader.Size + names + 1 + Varint.MaxSize32, limit);
        try
        {
            marshaller?.ContextualSerializer(message!, builder);
            builder.EnsureBuffer(0);
            var payload = builder._end - builder._reserve;
            var payloadField = payload == 0 ? 0 : 1 + Varint.SizeOf((uint)payload);
            builder.AppendRequestTail(timeoutNano, metadata);

            var start = builder._reserve - names - payloadField;
            var target = builder._buffer.AsSpan(start);
            var at = WriteText(target, 1, service, serviceSize);
            at += WriteText(target[at..], 2, method, methodSize);
            if (payload > 0)
            {
                target[at++] = 3 << 3 | 2;
                Varint.Write(target[at..], (uint)payload);
            }

            return builder.Detach(start, new FrameHeader(0, 0, FrameType.Request, flags));
        }
        finally
        {
            builder.Release();
        }
    }

    /// <inheritdoc/>
    public override void Complete(byte[] payload)
    {
        this.Write(payload);
    }

    /// <inheritdoc/>
    public override void Complete() => EnsureBuffer(0);

    /// <inheritdoc/>
    public override void SetPayloadLength(int payloadLength)
    {
        if (payloadLength > _limit)
            throw new MessageTooLargeException(payloadLength, _limit);
        EnsureBuffer(payloadLength);
    }

    /// <inheritdoc/>
    public override IBufferWriter<byte> GetBufferWriter() => this;

    void IBufferWriter<byte>.Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, (_buffer?.Length ?? 0) - _end);
        _end += count;
    }

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        EnsureBuffer(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_end);
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint)
    {
        EnsureBuffer(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_end);
    }

    private static FrameBuilder Take(int reserve, int limit)
    {
        // Taken out of its slot while in use: a serializer that itself makes a call gets another one.
        var builder = t_free ?? new FrameBuilder();
        t_free = null;
        builder._reserve = builder._end = reserve;
        builder._limit = limit;
        return builder;
    }

    private void Release()
    {
        if (_buffer is { } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
        _buffer = null;
        t_free = this;
    }

    private void EnsureBuffer(int more)
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(_end + Math.Max(more, 64));
            return;
        }

        if (_buffer.Length - _end >= more)
            return;
        if ((long)_end - _reserve + more > _limit)
            throw new MessageTooLargeException((long)_end - _reserve + more, _limit);
        var larger = ArrayPool<byte>.Shared.Rent(
            Math.Max(_end + more, Math.Min(_buffer.Length * 2, _reserve + _limit)));
        _buffer.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    private OutgoingFrame FinishResponse(uint streamId)
    {
        EnsureBuffer(0);
        var payload = _end - _reserve;
        var start = _reserve - 2 - (payload == 0 ? 0 : 1 + Varint.SizeOf((uint)payload));
        var target = _buffer.AsSpan(start);

        // An empty status is code 0: always present, as upstream's agent does it.
        target[0] = 1 << 3 | 2;
        target[1] = 0;
        if (payload > 0)
        {
            target[2] = 2 << 3 | 2;
            Varint.Write(target[3..], (uint)payload);
        }

        return Detach(start, new FrameHeader(0, streamId, FrameType.Response, FrameFlags.None));
    }

    private void AppendRequestTail(long timeoutNano, Metadata? metadata)
    {
        if (timeoutNano != 0)
        {
            EnsureBuffer(11);
            _buffer![_end++] = 4 << 3;
            _end += Varint.Write(_buffer.AsSpan(_end), unchecked((ulong)timeoutNano));
        }

        if (metadata is null)
            return;
        foreach (var entry in metadata)
        {
            var value = entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;
            var keySize = Encoding.UTF8.GetByteCount(entry.Key);
            var valueSize = Encoding.UTF8.GetByteCount(value);
            var pair = 2 + Varint.SizeOf((uint)keySize) + keySize + Varint.SizeOf((uint)valueSize) + valueSize;
            EnsureBuffer(1 + Varint.MaxSize32 + pair);
            _buffer![_end++] = 5 << 3 | 2;
            _end += Varint.Write(_buffer.AsSpan(_end), (uint)pair);
            _end += WriteText(_buffer.AsSpan(_end), 1, entry.Key, keySize);
            _end += WriteText(_buffer.AsSpan(_end), 2, value, valueSize);
        }
    }

    private static int WriteText(Span<byte> target, int field, string text, int size)
    {
        target[0] = (byte)(field << 3 | 2);
        var at = 1 + Varint.Write(target[1..], (uint)size);
        return at + Encoding.UTF8.GetBytes(text, target[at..]);
    }

    /// <summary>Gives the buffer to the frame, with its header just before <paramref name="start"/>.</summary>
    private OutgoingFrame Detach(int start, FrameHeader header)
    {
        EnsureBuffer(0);
        var length = _end - start;
        if (length > _limit)
            throw new MessageTooLargeException(length, _limit);
        var offset = start - FrameHeader.Size;
        (header with { Length = (uint)length }).Write(_buffer.AsSpan(offset));
        var frame = new OutgoingFrame(_buffer!, offset, FrameHeader.Size + length);
        _buffer = null;
        return frame;
    }
}
