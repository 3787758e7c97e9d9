using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using FluentAssertions;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

public sealed class StreamRelayTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Bytes_of_both_directions_arrive_whole_and_each_ends_by_itself()
    {
        var (left, right, relays) = Start();
        var there = RandomBytes(3_000_000, 1);
        var back = RandomBytes(500_000, 2);

        var sending = SendAsync(left, there);
        var arrived = await ReadAllAsync(right).WaitAsync(Limit);
        // The other direction is still open when the first has ended.
        await SendAsync(right, back);
        var returned = await ReadAllAsync(left).WaitAsync(Limit);
        await sending;
        await relays.WaitAsync(Limit);

        arrived.Should().Equal(there);
        returned.Should().Equal(back);
    }

    [Fact]
    public async Task Bytes_for_a_reader_that_waits_are_held_back_at_the_writer()
    {
        var sent = 0;
        var (left, right) = await PairAsync();
        _ = SendAsync(left, new byte[8_000_000]);

        var relaying = StreamRelay.RunAsync(
            new NetworkStream(right),
            () => { },
            _ =>
            {
                Interlocked.Increment(ref sent);
                return Task.CompletedTask;
            },
            async ct =>
            {
                await Task.Delay(Timeout.Infinite, ct);
                return null;
            },
            new CancellationTokenSource(TimeSpan.FromSeconds(1)).Token);

        await relaying.Invoking(r => r).Should().ThrowAsync<OperationCanceledException>();
        sent.Should().Be(StreamRelay.Window);
    }

    [Fact]
    public async Task Peer_that_acknowledges_what_it_was_never_sent_is_refused()
    {
        var (_, right) = await PairAsync();

        var relaying = () => StreamRelay.RunAsync(
            new NetworkStream(right), () => { }, _ => Task.CompletedTask,
            _ => Task.FromResult<RelaySegment?>(new RelaySegment(default, false, 5)), CancellationToken.None);

        await relaying.Should().ThrowAsync<InvalidDataException>();
    }

    [Fact]
    public async Task Peer_that_goes_away_in_the_middle_ends_the_relay()
    {
        var (_, right) = await PairAsync();

        var relaying = () => StreamRelay.RunAsync(
            new NetworkStream(right), () => { }, _ => Task.CompletedTask, _ => Task.FromResult<RelaySegment?>(null),
            CancellationToken.None).WaitAsync(Limit);

        await relaying.Should().ThrowAsync<EndOfStreamException>();
    }

    private static (Socket Left, Socket Right, Task Relays) Start()
    {
        var (left, a) = PairAsync().GetAwaiter().GetResult();
        var (right, b) = PairAsync().GetAwaiter().GetResult();
        var up = Channel.CreateUnbounded<RelaySegment>();
        var down = Channel.CreateUnbounded<RelaySegment>();
        return (left, right, Task.WhenAll(RunAsync(a, up, down), RunAsync(b, down, up)));
    }

    private static async Task RunAsync(Socket socket, Channel<RelaySegment> write, Channel<RelaySegment> read)
    {
        await StreamRelay.RunAsync(
            new NetworkStream(socket),
            () => socket.Shutdown(SocketShutdown.Send),
            segment => write.Writer.WriteAsync(segment).AsTask(),
            async ct => await read.Reader.WaitToReadAsync(ct) && read.Reader.TryRead(out var segment) ? segment : null,
            CancellationToken.None);
        write.Writer.TryComplete();
    }

    private static async Task<(Socket, Socket)> PairAsync()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var one = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await one.ConnectAsync(listener.LocalEndPoint!);
        return (one, await listener.AcceptAsync());
    }

    private static async Task SendAsync(Socket socket, byte[] bytes)
    {
        await new NetworkStream(socket).WriteAsync(bytes);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task<byte[]> ReadAllAsync(Socket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await socket.ReceiveAsync(buffer)) > 0)
            all.Write(buffer, 0, read);
        return all.ToArray();
    }

    private static byte[] RandomBytes(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
