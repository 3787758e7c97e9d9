using System.Buffers.Binary;
using Kata.Platform.Ttrpc;

namespace Kata.Tests.Unit.Hostile;

/// <summary>
/// The host's end of a channel to a guest, in memory: what is written is cut into frames for the guest, what the guest
/// sends is read as it is, frames or not.
/// </summary>
internal sealed class HostileWire(Action<FrameHeader, byte[]> received) : Stream
{
    private readonly Lock _gate = new();
    private readonly Queue<ReadOnlyMemory<byte>> _toHost = new();
    private readonly MemoryStream _fromHost = new();
    private TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReadOnlyMemory<byte> _reading;
    private bool _ended;
    private long _allocated;

    /// <summary>Bytes that the guest has sent.</summary>
    public long Sent { get; private set; }

    /// <summary>
    /// Most bytes that this process has allocated from one read to the next: what a frame costs, and whoever else is at
    /// work.
    /// </summary>
    public long MostForOneRead { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The guest sends.</summary>
    public void Send(ReadOnlyMemory<byte> bytes)
    {
        lock (_gate)
        {
            if (_ended || bytes.IsEmpty)
                return;
            Sent += bytes.Length;
            _toHost.Enqueue(bytes);
            Tell();
        }
    }

    /// <summary>The guest hangs up.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            _toHost.Clear();
            Tell();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Measure();
        while (true)
        {
            Task arrived;
            lock (_gate)
            {
                if (!_reading.IsEmpty || _toHost.TryDequeue(out _reading))
                {
                    var count = Math.Min(buffer.Length, _reading.Length);
                    _reading[..count].CopyTo(buffer);
                    _reading = _reading[count..];
                    return count;
                }

                if (_ended)
                    return 0;
                arrived = _arrived.Task;
            }

            await arrived.WaitAsync(cancellationToken);
            _allocated = GC.GetTotalAllocatedBytes();
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _fromHost.Write(buffer.Span);
        var all = _fromHost.GetBuffer().AsSpan(0, (int)_fromHost.Length);
        var at = 0;
        while (all.Length - at >= FrameHeader.Size)
        {
            var header = FrameHeader.Read(all[at..]);
            if (all.Length - at - FrameHeader.Size < header.Length)
                break;
            received(header, all.Slice(at + FrameHeader.Size, (int)header.Length).ToArray());
            at += FrameHeader.Size + (int)header.Length;
        }

        var rest = all[at..].ToArray();
        _fromHost.SetLength(0);
        _fromHost.Write(rest);
        return ValueTask.CompletedTask;
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        End();
        base.Dispose(disposing);
    }

    /// <summary>A frame with any header, true or not.</summary>
    public static byte[] Frame(uint stream, byte type, byte flags, ReadOnlySpan<byte> payload, uint? length = null)
    {
        var frame = new byte[FrameHeader.Size + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, length ?? (uint)payload.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), stream);
        frame[8] = type;
        frame[9] = flags;
        payload.CopyTo(frame.AsSpan(FrameHeader.Size));
        return frame;
    }

    private void Measure()
    {
        var now = GC.GetTotalAllocatedBytes();
        if (_allocated > 0)
            MostForOneRead = Math.Max(MostForOneRead, now - _allocated);
        _allocated = now;
    }

    private void Tell()
    {
        var arrived = _arrived;
        _arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        arrived.TrySetResult();
    }
}
