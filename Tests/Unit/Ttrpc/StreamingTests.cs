using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

public sealed class StreamingTests
{
    public static TheoryData<ReaderKind> Readers => new() { ReaderKind.Async, ReaderKind.BlockingThread };

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Client_stream_when_completed_gives_one_result_of_all_messages_in_order(ReaderKind reader)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader });
        await using var client = ClientTests.Connect(served, new TtrpcClientOptions { Reader = reader });
        using var call = client.AsyncClientStreamingCall(NoteService.Up, null, default);

        for (var i = 0; i < 50; i++)
            await call.RequestStream.WriteAsync(new Note([(byte)i]));
        await call.RequestStream.CompleteAsync();

        (await call.ResponseAsync.WaitAsync(RawPeer.Patience))
            .Bytes.Should().Equal(Enumerable.Range(0, 50).Select(i => (byte)i));
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Server_stream_when_read_gives_all_messages_in_order_and_ends(ReaderKind reader)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader });
        await using var client = ClientTests.Connect(served, new TtrpcClientOptions { Reader = reader });
        using var call = client.AsyncServerStreamingCall(
            NoteService.Down, null, default, new Note(Enumerable.Range(0, 200).Select(i => (byte)i).ToArray()));

        var read = new List<byte>();
        while (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience))
            read.AddRange(call.ResponseStream.Current.Bytes);

        read.Should().Equal(Enumerable.Range(0, 200).Select(i => (byte)i));
        call.GetStatus().StatusCode.Should().Be(StatusCode.OK);
    }

    [Theory]
    [MemberData(nameof(Readers))]
    public async Task Duplex_stream_when_both_sides_talk_keeps_order_both_ways(ReaderKind reader)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader });
        await using var client = ClientTests.Connect(served, new TtrpcClientOptions { Reader = reader });
        using var call = client.AsyncDuplexStreamingCall(NoteService.Both, null, default);

        for (var i = 0; i < 100; i++)
        {
            await call.RequestStream.WriteAsync(new Note($"{i}"));
            (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeTrue();
            call.ResponseStream.Current.Text.Should().Be($"{i}");
        }

        await call.RequestStream.CompleteAsync();
        (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeFalse();
    }

    [Fact]
    public async Task Server_stream_when_its_messages_outrun_the_transport_waits_for_room()
    {
        await using var served = new Served(service: new NoteService
        {
            OnDown = async (_, writer, _) =>
            {
                for (var i = 0; i < 40; i++)
                    await writer.WriteAsync(new Note(Enumerable.Repeat((byte)i, 1_000_000).ToArray()));
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Down", [], flags: FrameFlags.RemoteClosed);

        for (var i = 0; i < 40; i++)
        {
            var (header, payload) = (await peer.ReadAsync())!.Value;
            header.Type.Should().Be(FrameType.Data);
            payload.Should().HaveCount(1_000_000);
            payload[^1].Should().Be((byte)i);
        }

        (await peer.ReadAsync())!.Value.Header.Flags.Should().Be(FrameFlags.RemoteClosed | FrameFlags.NoData);
    }

    [Fact]
    public async Task Stream_when_the_handler_fails_delivers_what_came_before_and_then_the_status()
    {
        await using var served = new Served(service: new NoteService
        {
            OnDown = async (_, writer, _) =>
            {
                await writer.WriteAsync(new Note("one"));
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "enough"));
            },
        });
        await using var client = ClientTests.Connect(served);
        using var call = client.AsyncServerStreamingCall(NoteService.Down, null, default, new Note("x"));

        (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeTrue();
        var next = () => call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience);

        (await next.Should().ThrowAsync<RpcException>())
            .Which.Status.Should().BeEquivalentTo(new Status(StatusCode.FailedPrecondition, "enough"));
    }

    [Fact]
    public async Task Write_when_the_server_has_ended_the_call_fails_with_its_status()
    {
        await using var served = new Served(service: new NoteService
        {
            OnUp = (_, _) => throw new RpcException(new Status(StatusCode.PermissionDenied, "no")),
        });
        await using var client = ClientTests.Connect(served);
        using var call = client.AsyncClientStreamingCall(NoteService.Up, null, default);
        var result = () => call.ResponseAsync.WaitAsync(RawPeer.Patience);
        await result.Should().ThrowAsync<RpcException>();

        var write = () => call.RequestStream.WriteAsync(new Note("late"));

        (await write.Should().ThrowAsync<RpcException>()).Which.StatusCode.Should().Be(StatusCode.PermissionDenied);
        await call.RequestStream.CompleteAsync();
    }

    [Fact]
    public async Task Stream_when_the_connection_is_lost_fails_on_both_sides()
    {
        var handler = new TaskCompletionSource<Exception>();
        var started = new TaskCompletionSource();
        await using var served = new Served(service: new NoteService
        {
            OnBoth = async (notes, _, _) =>
            {
                started.SetResult();
                try
                {
                    await notes.MoveNext(CancellationToken.None);
                }
                catch (Exception e)
                {
                    handler.SetResult(e);
                    throw;
                }
            },
        });
        var client = ClientTests.Connect(served);
        var call = client.AsyncDuplexStreamingCall(NoteService.Both, null, default);
        await started.Task.WaitAsync(RawPeer.Patience);

        await client.DisposeAsync();

        var next = () => call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience);
        (await next.Should().ThrowAsync<RpcException>()).Which.StatusCode.Should().Be(StatusCode.Unavailable);
        (await handler.Task.WaitAsync(RawPeer.Patience)).Should().BeOfType<RpcException>()
            .Which.StatusCode.Should().Be(StatusCode.Cancelled);
    }

    [Fact]
    public async Task Read_when_its_token_fires_is_canceled_and_the_stream_goes_on()
    {
        var go = new TaskCompletionSource();
        await using var served = new Served(service: new NoteService
        {
            OnDown = async (_, writer, _) =>
            {
                await go.Task;
                await writer.WriteAsync(new Note("after"));
            },
        });
        await using var client = ClientTests.Connect(served);
        using var call = client.AsyncServerStreamingCall(NoteService.Down, null, default, new Note("x"));
        using var cancel = new CancellationTokenSource();
        var read = call.ResponseStream.MoveNext(cancel.Token);

        await cancel.CancelAsync();
        var waiting = () => read.WaitAsync(RawPeer.Patience);
        await waiting.Should().ThrowAsync<OperationCanceledException>();
        go.SetResult();

        (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeTrue();
        call.ResponseStream.Current.Text.Should().Be("after");
    }

    [Fact]
    public async Task Stream_when_the_server_ends_it_with_a_last_message_delivers_it()
    {
        var (socket, other) = SocketPair.Create();
        using var peer = new RawPeer(other);
        await using var client = new TtrpcClient(socket);
        using var call = client.AsyncDuplexStreamingCall(NoteService.Both, null, default);
        var (header, payload) = (await peer.ReadAsync())!.Value;
        header.Flags.Should().Be(FrameFlags.RemoteOpen);
        RawRequest.Parse(payload).Payload.Should().BeEmpty();

        await peer.SendAsync(FrameType.Data, 1, "last"u8.ToArray(), FrameFlags.RemoteClosed);

        (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeTrue();
        call.ResponseStream.Current.Text.Should().Be("last");
        (await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(RawPeer.Patience)).Should().BeFalse();
    }

    [Fact]
    public async Task Request_stream_when_written_is_data_frames_and_an_end_without_data()
    {
        var (socket, other) = SocketPair.Create();
        using var peer = new RawPeer(other);
        await using var client = new TtrpcClient(socket);
        using var call = client.AsyncClientStreamingCall(NoteService.Up, null, default);
        await call.RequestStream.WriteAsync(new Note("a"));
        await call.RequestStream.CompleteAsync();

        await peer.ReadAsync();
        var data = (await peer.ReadAsync())!.Value;
        var end = (await peer.ReadAsync())!.Value;
        await peer.SendAsync(FrameType.Response, 1, RawPeer.Response(0, "", [9]));

        data.Header.Should().Be(new FrameHeader(1, 1, FrameType.Data, FrameFlags.None));
        end.Header.Should().Be(new FrameHeader(0, 1, FrameType.Data, FrameFlags.RemoteClosed | FrameFlags.NoData));
        (await call).Bytes.Should().Equal(9);
    }
}
