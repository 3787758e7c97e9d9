using System.Buffers;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// Cuts a byte stream into frames inside one pooled buffer. The buffer starts small, grows only as far as bytes
/// of a frame have really arrived, and shrinks again when it is empty: a header that announces much costs nothing.
/// </summary>
internal sealed class FrameReader(int limit) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(TtrpcLimits.InitialBuffer);
    private int _start;
    private int _end;
    private FrameHeader _skipped;
    private long _toSkip;

    /// <summary>True when the bytes so far end inside a frame.</summary>
    public bool IsInsideFrame => _end > _start || _toSkip > 0;

    internal int BufferSize => _buffer.Length;

    /// <summary>Where the next bytes go; never empty. Frames handed out before become invalid.</summary>
    public Memory<byte> GetFree()
    {
        if (_start == _end)
        {
            _start = _end = 0;
            if (_buffer.Length > TtrpcLimits.InitialBuffer)
                Resize(TtrpcLimits.InitialBuffer);
            return _buffer;
        }

        var needed = _end - _start < FrameHeader.Size
            ? FrameHeader.Size
            : FrameHeader.Size + (int)FrameHeader.Read(_buffer.AsSpan(_start)).Length;
        if (_buffer.Length - _start < needed && _start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
            Resize((int)Math.Min(needed, _buffer.Length * 4L));
        return _buffer.AsMemory(_end);
    }

    public void Advance(int count) => _end += count;

    /// <summary>
    /// The next frame. One over the limit comes with <paramref name="oversized"/> and no payload, after all its bytes
    /// have passed by. A payload is valid until the next <see cref="GetFree"/>.
    /// </summary>
    public bool TryRead(out FrameHeader header, out ReadOnlyMemory<byte> payload, out bool oversized)
    {
        payload = default;
        oversized = false;
        header = default;
        while (true)
        {
            if (_toSkip > 0)
            {
                var count = (int)Math.Min(_toSkip, _end - _start);
                _start += count;
                _toSkip -= count;
                if (_toSkip > 0)
                    return false;
                header = _skipped;
                oversized = true;
                return true;
            }

            if (_end - _start < FrameHeader.Size)
                return false;
            header = FrameHeader.Read(_buffer.AsSpan(_start));
            if (header.Length > (uint)limit)
            {
                _skipped = header;
                _toSkip = header.Length;
                _start += FrameHeader.Size;
                continue;
            }

            var length = (int)header.Length;
            if (_end - _start - FrameHeader.Size < length)
                return false;
            payload = _buffer.AsMemory(_start + FrameHeader.Size, length);
            _start += FrameHeader.Size + length;
            return true;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = _end = 0;
    }

    private void Resize(int size)
    {
        var other = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(_start, _end - _start).CopyTo(other);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = other;
        _end -= _start;
        _start = 0;
    }
}
