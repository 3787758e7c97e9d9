using System.Net.Sockets;
using CsCheck;
using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

public sealed class ClientTests
{
    public static TheoryData<ReaderKind, bool> Transports => ServerTests.Transports;

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Call_when_over_any_transport_is_answered(ReaderKind reader, bool overStream)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader });
        await using var client = Connect(served, new TtrpcClientOptions { Reader = reader }, overStream);

        for (var i = 0; i < 100; i++)
            (await UnaryAsync(client, $"call {i}")).Should().Be($"call {i}");
        client.BlockingUnaryCall(NoteService.Unary, null, default, new Note("sync")).Text.Should().Be("sync");
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Calls_when_a_thousand_are_in_flight_are_all_answered(ReaderKind reader, bool overStream)
    {
        var all = new TaskCompletionSource();
        var waiting = 0;
        await using var served = new Served(new TtrpcServerOptions { Reader = reader }, new NoteService
        {
            OnUnary = async (note, _) =>
            {
                if (Interlocked.Increment(ref waiting) == 1000)
                    all.SetResult();
                await all.Task;
                return note;
            },
        });
        await using var client = Connect(served, new TtrpcClientOptions { Reader = reader }, overStream);

        var replies = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => UnaryAsync(client, $"{i}")))
            .WaitAsync(RawPeer.Patience);

        replies.Should().Equal(Enumerable.Range(0, 1000).Select(i => $"{i}"));
    }

    [Fact]
    public async Task Calls_when_made_from_many_threads_are_matched_to_their_answers()
    {
        await using var served = new Served();
        await using var client = Connect(served);

        await Task.WhenAll(Enumerable.Range(0, 16).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
                (await UnaryAsync(client, $"{thread}/{i}")).Should().Be($"{thread}/{i}");
        }))).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Calls_when_large_and_parallel_wait_for_room_instead_of_closing()
    {
        await using var served = new Served(
            service: new NoteService { OnUnary = (note, _) => Task.FromResult(new Note($"{note.Bytes.Length}")) });
        await using var client = Connect(served);

        var replies = await Task.WhenAll(Enumerable.Range(0, 12)
            .Select(
                i =>
                    client.AsyncUnaryCall(NoteService.Unary, null, default, new Note(new byte[4_000_000 + i]))
                        .ResponseAsync))
            .WaitAsync(RawPeer.Patience);

        replies.Select(r => r.Text).Should().Equal(Enumerable.Range(0, 12).Select(i => $"{4_000_000 + i}"));
    }

    [Fact]
    public async Task Call_when_it_has_headers_and_a_deadline_sends_metadata_and_the_time_left()
    {
        var clock = new StandingClock();
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket, new TtrpcClientOptions { Time = clock });
        var headers = new Metadata { { "containerd-namespace-ttrpc", "moby" } };

        var call = client.AsyncUnaryCall(
            NoteService.Unary, null, new CallOptions(headers, clock.GetUtcNow().UtcDateTime.AddSeconds(3)),
            new Note("x"));
        var (header, payload) = (await peer.ReadAsync())!.Value;

        header.Should().Be(new FrameHeader((uint)payload.Length, 1, FrameType.Request, FrameFlags.None));
        RawRequest.Parse(payload).Should().BeEquivalentTo(new RawRequest(
            NoteService.Name, "Unary", "x"u8.ToArray(), 3_000_000_000, [("containerd-namespace-ttrpc", "moby")]));
        clock.Advance(TimeSpan.FromSeconds(3));
        await FailsAsync(call, StatusCode.DeadlineExceeded, "context deadline exceeded");
        call.GetStatus().StatusCode.Should().Be(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public async Task Metadata_and_deadline_when_sent_reach_the_handler()
    {
        ServerCallContext? seen = null;
        await using var served = new Served(service: new NoteService
        {
            OnUnary = (note, context) =>
            {
                seen = context;
                return Task.FromResult(note);
            },
        });
        await using var client = Connect(served);
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(1);

        await client.AsyncUnaryCall(
            NoteService.Unary, null, new CallOptions(new Metadata { { "k", "v1" }, { "k", "v2" } }, deadline),
            new Note("x"));

        seen!.RequestHeaders.Select(e => (e.Key, e.Value)).Should().Equal(("k", "v1"), ("k", "v2"));
        seen.Deadline.Should().BeCloseTo(deadline, TimeSpan.FromSeconds(30));
        seen.Method.Should().Be("/test.Notes/Unary");
    }

    [Fact]
    public async Task Call_when_its_deadline_has_passed_fails_unsent()
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);

        await FailsAsync(
            client.AsyncUnaryCall(
                NoteService.Unary, null, new CallOptions(deadline: new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc)),
                new Note("x")),
            StatusCode.DeadlineExceeded, "context deadline exceeded");
        var later = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("later"));

        RawRequest.Parse((await peer.ReadAsync())!.Value.Payload).Payload.Should().Equal("later"u8.ToArray());
        await peer.SendAsync(FrameType.Response, 1, []);
        (await later).Bytes.Should().BeEmpty();
    }

    [Fact]
    public async Task Call_when_canceled_fails_and_a_late_answer_is_dropped()
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        using var cancel = new CancellationTokenSource();
        var call = client.AsyncUnaryCall(
            NoteService.Unary, null, new CallOptions(cancellationToken: cancel.Token), new Note("x"));
        await peer.ReadAsync();

        await cancel.CancelAsync();
        await FailsAsync(call, StatusCode.Cancelled, "context canceled");
        await peer.SendAsync(FrameType.Response, 1, RawPeer.Response(0, "", [1]));
        var next = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("y"));
        var frame = await peer.ReadAsync();
        await peer.SendAsync(FrameType.Response, 3, RawPeer.Response(0, "", [2]));

        frame!.Value.Header.StreamId.Should().Be(3);
        (await next).Bytes.Should().Equal(2);
    }

    [Fact]
    public async Task Call_when_the_token_has_fired_before_fails_unsent()
    {
        await using var served = new Served();
        await using var client = Connect(served);

        await FailsAsync(
            client.AsyncUnaryCall(
                NoteService.Unary, null, new CallOptions(cancellationToken: new CancellationToken(true)),
                new Note("x")),
            StatusCode.Cancelled, "context canceled");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Call_when_the_status_is_ok_or_absent_succeeds(bool withStatus)
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
        await peer.ReadAsync();

        await peer.SendAsync(FrameType.Response, 1, withStatus ? RawPeer.Response(0, "", [5]) : [0x12, 1, 5]);

        (await call).Bytes.Should().Equal(5);
        call.GetStatus().StatusCode.Should().Be(StatusCode.OK);
    }

    [Fact]
    public async Task Call_when_the_server_fails_has_its_status_whatever_the_payload()
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
        await peer.ReadAsync();

        await peer.SendAsync(FrameType.Response, 1, RawPeer.Response(5, "no such container", [0xff]));

        await FailsAsync(call, StatusCode.NotFound, "no such container");
    }

    [Theory]
    [InlineData(new byte[] { 0x0a, 0x50 }, "unmarshal response error: unexpected end of message")]
    [InlineData(new byte[] { 0x12, 0x01, 0xff }, "ttrpc: error unmarshalling payload: bad note")]
    public async Task Call_when_the_answer_is_damaged_fails_alone(byte[] answer, string message)
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
        var other = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("y"));
        await peer.SendAsync(FrameType.Response, 1, answer);
        await peer.SendAsync(FrameType.Response, 3, []);

        await FailsAsync(call, StatusCode.Internal, message);
        await other;
    }

    [Fact]
    public async Task Frames_when_for_nobody_or_of_unknown_type_are_ignored()
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
        await peer.ReadAsync();
        await peer.SendAsync(FrameType.Response, 99, [1, 2, 3]);
        await peer.SendAsync(FrameType.Request, 1, [1, 2, 3]);
        await peer.SendAsync((FrameType)200, 1, [1, 2, 3]);
        await peer.SendAsync(FrameType.Data, 77, [1, 2, 3]);
        await peer.SendAsync(FrameType.Response, 1, RawPeer.Response(0, "", [1]));

        (await call).Bytes.Should().Equal(1);
    }

    [Fact]
    public async Task Reply_when_larger_than_allowed_fails_its_call_alone()
    {
        await using var served = new Served();
        await using var client = Connect(served, new TtrpcClientOptions { MaxReply = 1000 });

        await FailsAsync(
            client.AsyncUnaryCall(NoteService.Unary, null, default, new Note(new byte[2000])),
            StatusCode.ResourceExhausted, "message length 2005 exceed maximum message size of 1000");
        (await UnaryAsync(client, "small")).Should().Be("small");
    }

    [Fact]
    public async Task Request_when_larger_than_a_frame_fails_unsent()
    {
        await using var served = new Served();
        await using var client = Connect(served);

        await FailsAsync(
            client.AsyncUnaryCall(NoteService.Unary, null, default, new Note(new byte[TtrpcLimits.MaxMessage + 1])),
            StatusCode.ResourceExhausted);
        await FailsAsync(
            client.AsyncUnaryCall(NoteService.Unary, null, default, new Note(new byte[TtrpcLimits.MaxMessage])),
            StatusCode.ResourceExhausted);
        (await UnaryAsync(client, "small")).Should().Be("small");
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Calls_when_the_server_leaves_fail_unavailable_with_the_reason(ReaderKind reader, bool overStream)
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(
            overStream
                ? new ForeignStream(new NetworkStream(socket, ownsSocket: true))
                : new NetworkStream(socket, ownsSocket: true),
            new TtrpcClientOptions { Reader = reader });
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
        await peer.ReadAsync();

        peer.Dispose();

        await FailsAsync(call, StatusCode.Unavailable, "ttrpc: closed: the peer closed the connection");
        await FailsAsync(
            client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("y")), StatusCode.Unavailable,
            "ttrpc: closed: the peer closed the connection");
        var closed = () => client.Closed.WaitAsync(RawPeer.Patience);
        await closed.Should().ThrowAsync<TtrpcException>().WithMessage("the peer closed the connection");
    }

    [Fact]
    public async Task Answer_when_the_server_left_right_after_it_is_still_read()
    {
        var (client, peer) = Pair();
        var gate = new GatedStream(new NetworkStream(client, ownsSocket: true));
        await using var ttrpc = new TtrpcClient(gate);
        var answered = ttrpc.AsyncUnaryCall(NoteService.Unary, null, default, new Note("first"));
        await peer.ReadAsync();
        await peer.SendAsync(FrameType.Response, 1, RawPeer.Response(0, "", [1]));
        peer.Dispose();

        var unsent = ttrpc.AsyncUnaryCall(NoteService.Unary, null, default, new Note("second"));
        gate.Open();

        (await answered.ResponseAsync.WaitAsync(RawPeer.Patience)).Bytes.Should().Equal(1);
        await FailsAsync(unsent, StatusCode.Unavailable, "ttrpc: closed: the peer closed the connection");
    }

    [Fact]
    public async Task Client_when_fed_garbage_neither_hangs_nor_answers() =>
        await Gen.Select(Gen.Byte.Array[0, 300], Gen.Byte[1, 3], Gen.Bool).SampleAsync(
            async (garbage, type, asFrame) =>
            {
                var (socket, peer) = Pair();
                await using var client = new TtrpcClient(socket);
                var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));
                await peer.ReadAsync();
                await peer.SendBytesAsync(asFrame ? RawPeer.Frame((FrameType)type, 1, garbage) : garbage);
                peer.Dispose();
                try
                {
                    await call.ResponseAsync.WaitAsync(RawPeer.Patience);
                }
                catch (RpcException)
                {
                }
            },
            iter: 200,
            threads: 1);

    [Fact]
    public async Task Connection_when_it_ends_inside_a_frame_says_so()
    {
        var (socket, peer) = Pair();
        await using var client = new TtrpcClient(socket);
        await peer.SendBytesAsync([0, 0, 0, 9, 0, 0, 0, 1, 2, 0, 1, 2]);
        peer.Dispose();

        var closed = () => client.Closed.WaitAsync(RawPeer.Patience);
        await closed.Should().ThrowAsync<TtrpcException>().WithMessage("the peer closed the connection inside a frame");
    }

    [Fact]
    public async Task Connection_when_ended_twice_keeps_the_first_reason()
    {
        var (socket, peer) = Pair();
        var client = new TtrpcClient(socket);
        peer.Dispose();
        var closed = () => client.Closed.WaitAsync(RawPeer.Patience);
        await closed.Should().ThrowAsync<TtrpcException>();

        await client.DisposeAsync();

        await FailsAsync(
            client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("y")), StatusCode.Unavailable,
            "ttrpc: closed: the peer closed the connection");
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Client_when_disposed_fails_its_calls_and_completes(ReaderKind reader, bool overStream)
    {
        await using var served = new Served(service: new NoteService
        {
            OnUnary = async (note, context) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return note;
            },
        });
        var client = Connect(served, new TtrpcClientOptions { Reader = reader }, overStream);
        var call = client.AsyncUnaryCall(NoteService.Unary, null, default, new Note("x"));

        await client.DisposeAsync();

        await FailsAsync(call, StatusCode.Unavailable, "ttrpc: closed: the client was disposed of");
        await client.Closed.WaitAsync(RawPeer.Patience);
        await served.Serving.WaitAsync(RawPeer.Patience);
    }

    internal static TtrpcClient Connect(Served served, TtrpcClientOptions? options = null, bool overStream = false) =>
        overStream
        ? new TtrpcClient(new ForeignStream(new NetworkStream(served.Client, ownsSocket: true)), options)
        : new TtrpcClient(served.Client, options);

    internal static async Task FailsAsync(AsyncUnaryCall<Note> call, StatusCode code, string? message = null)
    {
        var wait = () => call.ResponseAsync.WaitAsync(RawPeer.Patience);
        var error = (await wait.Should().ThrowAsync<RpcException>()).Which;
        error.StatusCode.Should().Be(code);
        if (message is not null)
            error.Status.Detail.Should().Be(message);
    }

    private static async Task<string> UnaryAsync(TtrpcClient client, string text) =>
        (await client.AsyncUnaryCall(NoteService.Unary, null, default,
            new Note(text)).ResponseAsync.WaitAsync(RawPeer.Patience)).Text;

    private static (Socket Client, RawPeer Peer) Pair()
    {
        var (client, server) = SocketPair.Create();
        return (client, new RawPeer(server));
    }
}
