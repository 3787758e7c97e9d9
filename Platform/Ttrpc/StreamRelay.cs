using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace Kata.Platform.Ttrpc;

/// <summary>Bytes of one direction of a relayed connection, with the flow control of the other.</summary>
/// <param name="Data">At most <see cref="StreamRelay.MaxData"/> bytes.</param>
/// <param name="IsEnd">The sender writes no more.</param>
/// <param name="Consumed">Segments with data that the sender has passed on since it last said so.</param>
public readonly record struct RelaySegment(ReadOnlyMemory<byte> Data, bool IsEnd, int Consumed);

/// <summary>
/// Relays a byte stream over a pair of message streams, both ways at once, each ended by itself. What is under way is
/// bounded on both sides: a reader that is slow slows its writer, and nothing else on the connection.
/// </summary>
public static class StreamRelay
{
    /// <summary>Most data of a segment, in bytes.</summary>
    public const int MaxData = 32 * 1024;

    /// <summary>
    /// Segments with data that may be under way in one direction. A stream may have 64 messages unread.
    /// </summary>
    public const int Window = 16;

    private static readonly TimeSpan LastWrites = TimeSpan.FromSeconds(5);

    /// <summary>Runs until both directions have ended, or one has failed.</summary>
    /// <param name="local">The byte stream.</param>
    /// <param name="endLocal">Says on the byte stream that no more is written to it.</param>
    /// <param name="send">Sends a segment; one call at a time is made.</param>
    /// <param name="receive">The next segment; null at the end.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="InvalidDataException">The peer does not keep to the bounds.</exception>
    public static async Task RunAsync(
        Stream local, Action endLocal, Func<RelaySegment, Task> send, Func<CancellationToken,
        Task<RelaySegment?>> receive, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var sending = new SemaphoreSlim(1, 1);
        using var window = new SemaphoreSlim(Window, Window);
        var received = Channel.CreateBounded<ReadOnlyMemory<byte>>(Window);
        var relaying = Task.WhenAll(
            OrEndAsync(over, UploadAsync(local, window, SendAsync, over.Token)),
            OrEndAsync(over, DownloadAsync(local, endLocal, received.Reader, SendAsync, over.Token)));
        var receiving = OrEndAsync(over, ReceiveAsync(receive, received.Writer, window, over.Token));
        var first = await Task.WhenAny(relaying, receiving);

        // A peer that has ended the call in order has taken all it wants; what it sent may still be on its way out.
        if (first == receiving && receiving.IsCompletedSuccessfully)
            await Task.WhenAny(relaying, Task.Delay(LastWrites, ct));
        await over.CancelAsync();
        await Task.WhenAll(relaying, receiving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
        var failure = new[] { receiving, relaying }.SelectMany(
            task => task.Exception?.InnerExceptions ?? Enumerable.Empty<Exception>()).FirstOrDefault();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);

        async Task SendAsync(RelaySegment segment)
        {
            await sending.WaitAsync(over.Token);
            try
            {
                await send(segment);
            }
            finally
            {
                sending.Release();
            }
        }
    }

    private static async Task UploadAsync(
        Stream local, SemaphoreSlim window, Func<RelaySegment, Task> send, CancellationToken ct)
    {
        var buffer = new byte[MaxData];
        int read;
        while ((read = await local.ReadAsync(buffer, ct)) > 0)
        {
            await window.WaitAsync(ct);
            await send(new RelaySegment(buffer.AsMemory(0, read).ToArray(), false, 0));
        }

        await send(new RelaySegment(default, true, 0));
    }

    private static async Task DownloadAsync(
        Stream local, Action endLocal, ChannelReader<ReadOnlyMemory<byte>> received, Func<RelaySegment, Task> send,
        CancellationToken ct)
    {
        await foreach (var data in received.ReadAllAsync(ct))
        {
            await local.WriteAsync(data, ct);
            await send(new RelaySegment(default, false, 1));
        }

        endLocal();
    }

    private static async Task ReceiveAsync(
        Func<CancellationToken, Task<RelaySegment?>> receive, ChannelWriter<ReadOnlyMemory<byte>> received,
        SemaphoreSlim window, CancellationToken ct)
    {
        var hasEnded = false;
        try
        {
            while (await receive(ct) is { } segment)
            {
                if (segment.Consumed is < 0 or > Window || segment.Consumed > Window - window.CurrentCount)
                    throw new InvalidDataException(
                        $"the peer has passed on {segment.Consumed} segments, more than it was sent");
                if (segment.Consumed > 0)
                    window.Release(segment.Consumed);
                if (segment.Data.Length > MaxData || (segment.Data.Length > 0 && !received.TryWrite(segment.Data)))
                    throw new InvalidDataException("the peer sends more than is allowed to be under way");
                if (!segment.IsEnd)
                    continue;
                hasEnded = true;
                received.TryComplete();
            }

            if (!hasEnded)
                throw new EndOfStreamException("the peer has gone away");
        }
        finally
        {
            received.TryComplete();
        }
    }

    private static async Task OrEndAsync(CancellationTokenSource over, Task work)
    {
        try
        {
            await work;
        }
        catch (Exception)
        {
            await over.CancelAsync();
            throw;
        }
    }
}
