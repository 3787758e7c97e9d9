using System.Buffers.Binary;

namespace Kata.Apps.Agent.Serving;

/// <summary>The bytes below a serial port. Reading nothing means that the host is not connected now.</summary>
internal interface ISerialDevice
{
    int Read(Span<byte> buffer);

    void Write(ReadOnlySpan<byte> bytes);
}

/// <summary>
/// ttRPC sessions on a virtio-serial port, which is one pipe for the life of the machine. A session begins with a
/// greeting of the host that is sent back: fixed bytes that cannot begin a frame, and a nonce. A greeting where a frame
/// could begin ends the session before it, and so does the host's going away.
/// </summary>
internal sealed class SerialSessions(ISerialDevice device)
{
    /// <summary>
    /// The fixed bytes: read as the length of a ttRPC frame, the first four exceed what a frame may have.
    /// </summary>
    public static ReadOnlySpan<byte> Greeting =>
        [0xFF, 0xFF, 0xFF, 0xFF, (byte)'K', (byte)'A', (byte)'T', (byte)'A', (byte)'H', (byte)'X'];

    public const int GreetingLength = 26;

    private const int HeaderLength = 10;
    private const int MaximumPayload = 4 << 20;
    private const int PauseMilliseconds = 10;

    // A read must end when the host goes away, so one thread reads at a time and keeps the lock while the kernel waits.
    private readonly Lock _reading = new();
    private readonly Lock _writing = new();
    private readonly ManualResetEventSlim _never = new();
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _count;
    private int _frameLeft;

    /// <summary>Blocks until the host has begun a session, and answers its greeting.</summary>
    public SerialSession Accept()
    {
        lock (_reading)
        {
            while (true)
            {
                var at = Held.IndexOf(Greeting);
                if (at >= 0 && _count - at >= GreetingLength)
                {
                    var greeting = Held.Slice(at, GreetingLength).ToArray();
                    Consume(at + GreetingLength);
                    _frameLeft = 0;
                    lock (_writing)
                    {
                        device.Write(greeting);
                    }

                    return new SerialSession(this);
                }

                // What cannot be the beginning of a greeting any more is of an old session.
                Consume(at >= 0 ? at : Math.Max(0, _count - (Greeting.Length - 1)));
                if (!Fill())
                {
                    Consume(_count);
                    _never.Wait(PauseMilliseconds);
                }
            }
        }
    }

    /// <summary>
    /// Bytes of the session's frames; 0 when it is over. Bytes that begin no frame stay for the next greeting.
    /// </summary>
    internal int Read(SerialSession session, Span<byte> buffer)
    {
        lock (_reading)
        {
            while (!session.Closed)
            {
                if (_frameLeft == 0 && _count >= sizeof(uint))
                {
                    var length = BinaryPrimitives.ReadUInt32BigEndian(Held);
                    if (length > MaximumPayload)
                    {
                        return 0;
                    }

                    _frameLeft = HeaderLength + (int)length;
                }

                if (_frameLeft > 0 && _count > 0)
                {
                    var length = Math.Min(Math.Min(_frameLeft, _count), buffer.Length);
                    Held[..length].CopyTo(buffer);
                    Consume(length);
                    _frameLeft -= length;
                    return length;
                }

                if (!Fill())
                {
                    Consume(_count);
                    return 0;
                }
            }

            return 0;
        }
    }

    internal void Write(SerialSession session, ReadOnlySpan<byte> bytes)
    {
        lock (_writing)
        {
            ObjectDisposedException.ThrowIf(session.Closed, session);
            device.Write(bytes);
        }
    }

    private Span<byte> Held => _buffer.AsSpan(_start, _count);

    private void Consume(int count)
    {
        _start += count;
        _count -= count;
        if (_count == 0)
        {
            _start = 0;
        }
    }

    private bool Fill()
    {
        if (_start > 0)
        {
            Held.CopyTo(_buffer);
            _start = 0;
        }

        var read = device.Read(_buffer.AsSpan(_count));
        _count += read;
        return read > 0;
    }
}

/// <summary>One session as a stream, for the ttRPC server.</summary>
internal sealed class SerialSession(SerialSessions port) : Stream
{
    private volatile bool _closed;

    public bool Closed => _closed;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        var read = port.Read(this, buffer);
        _closed |= read == 0;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer) => port.Write(this, buffer);

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _closed = true;
        base.Dispose(disposing);
    }
}
