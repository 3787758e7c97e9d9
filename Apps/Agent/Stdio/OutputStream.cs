using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Stdio;

/// <summary>
/// One output of a process. Nothing is read ahead: what the host has not asked for stays in the pipe, also after the
/// process has ended, and the end of the stream is the end of everybody who could write to it.
/// </summary>
internal sealed class OutputStream(SafeHandle descriptor) : IDisposable
{
    private const int MaximumRead = 64 * 1024;

    private readonly SemaphoreSlim _reader = new(1, 1);
    private volatile bool _ended;

    /// <summary>True once the reader has been told of the end, or the stream was closed.</summary>
    public bool Ended => _ended;

    /// <summary>
    /// What there is, at most <paramref name="limit"/> bytes; waits until there is something. Empty is the end.
    /// </summary>
    public async Task<ByteString> ReadAsync(uint limit, CancellationToken cancellation)
    {
        await _reader.WaitAsync(cancellation);
        byte[]? buffer = null;
        try
        {
            while (!_ended)
            {
                // The buffer is taken only when there is something to read: a read can wait for hours.
                await Poller.WaitReadableAsync(descriptor, cancellation);
                var length = (int)Math.Min(limit, MaximumRead);
                buffer ??= ArrayPool<byte>.Shared.Rent(length);
                var read = TryRead(buffer.AsSpan(0, length));
                if (read > 0)
                {
                    return ByteString.CopyFrom(buffer, 0, read);
                }

                _ended |= read == 0;
            }

            return ByteString.Empty;
        }
        catch (ObjectDisposedException)
        {
            // Closed under a waiting reader, because the container is being removed.
            _ended = true;
            return ByteString.Empty;
        }
        finally
        {
            if (buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            _reader.Release();
        }
    }

    public void Dispose()
    {
        _ended = true;
        Poller.Close(descriptor);
    }

    private int TryRead(Span<byte> buffer)
    {
        try
        {
            return DescriptorIo.TryRead(descriptor, buffer);
        }
        catch (LinuxException e) when (e.Errno == Errno.EIO)
        {
            // How a terminal says that its other side is closed.
            return 0;
        }
    }
}
