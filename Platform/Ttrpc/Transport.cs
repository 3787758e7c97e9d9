using System.Net.Sockets;

namespace Kata.Platform.Ttrpc;

/// <summary>How a connection reads.</summary>
public enum ReaderKind
{
    /// <summary>Asynchronous receives. The reader runs where socket completions run.</summary>
    Async,

    /// <summary>
    /// A thread of its own that blocks in the kernel: cheaper per message where waking the pool is dear, and the only
    /// way for devices.
    /// </summary>
    BlockingThread,
}

/// <summary>The bytes below a connection. One reader and one writer at a time.</summary>
internal interface ITransport
{
    /// <summary>0 at the end.</summary>
    ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>Blocks; 0 at the end.</summary>
    int Receive(Span<byte> buffer);

    /// <summary>Takes what fits without waiting for the peer and says how much that was.</summary>
    int TrySend(ReadOnlySpan<byte> bytes);

    /// <summary>Sends everything.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Ends both directions and wakes a waiting reader, if that is possible at all.</summary>
    void Close();
}

internal sealed class SocketTransport : ITransport
{
    private readonly Socket _socket;
    private bool _maybeMore;

    public SocketTransport(Socket socket)
    {
        // Non-blocking also for the blocking reader, which waits in poll: otherwise a send could block its caller.
        socket.Blocking = false;
        _socket = socket;
    }

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => _socket.ReceiveAsync(buffer, SocketFlags.None);

    public int Receive(Span<byte> buffer)
    {
        while (true)
        {
            if (!_maybeMore)
                _socket.Poll(-1, SelectMode.SelectRead);
            var count = _socket.Receive(buffer, SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                _maybeMore = false;
                continue;
            }

            if (error != SocketError.Success)
                throw new SocketException((int)error);
            _maybeMore = count == buffer.Length;
            return count;
        }
    }

    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        var sent = 0;
        while (sent < bytes.Length)
        {
            var count = _socket.Send(bytes[sent..], SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
                break;
            if (error != SocketError.Success)
                throw new SocketException((int)error);
            sent += count;
        }

        return sent;
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None)..];
    }

    public void Close()
    {
        try
        {
            // A reader in poll holds the descriptor open; only a shutdown wakes it.
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Never connected, or the peer was faster.
        }

        _socket.Dispose();
    }
}

[System.Diagnostics.CodeAnalysis.SuppressMessage("Reliability", "CA1001",
    Justification = "A token source without timer or wait handle holds nothing.")]
internal sealed class StreamTransport(Stream stream, ReaderKind kind) : ITransport
{
    private readonly CancellationTokenSource _closed = new();

    public ValueTask<int> ReceiveAsync(Memory<byte> buffer) => stream.ReadAsync(buffer, _closed.Token);

    public int Receive(Span<byte> buffer) => stream.Read(buffer);

    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        if (kind == ReaderKind.Async)
            return 0;

        // A stream cannot be asked whether it would block. Whoever sends waits for it; the others queue meanwhile.
        stream.Write(bytes);
        stream.Flush();
        return bytes.Length;
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes, _closed.Token);
        await stream.FlushAsync(_closed.Token);
    }

    public void Close()
    {
        _closed.Cancel();
        stream.Dispose();
    }
}
