using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

/// <summary>What a server answers to each kind of frame, bytes in and bytes out.</summary>
public sealed class ServerWireTests : IAsyncDisposable
{
    private readonly Served _served = new();
    private readonly RawPeer _peer;

    public ServerWireTests() => _peer = new RawPeer(_served.Client);

    public async ValueTask DisposeAsync()
    {
        _peer.Dispose();
        await _served.DisposeAsync();
    }

    [Fact]
    public async Task Call_when_handled_answers_status_ok_and_the_payload()
    {
        await _peer.CallAsync(1, "Unary", "hello"u8.ToArray());

        var response = await _peer.ReadResponseAsync();

        response.Should().BeEquivalentTo(new RawResponse(1, true, 0, "", "hello"u8.ToArray()));
    }

    [Fact]
    public async Task Call_when_the_service_is_unknown_answers_unimplemented()
    {
        await _peer.SendAsync(FrameType.Request, 1, RawPeer.Request("no.Such", "Unary", []));

        await ExpectAsync(1, StatusCode.Unimplemented, "service no.Such");
    }

    [Fact]
    public async Task Call_when_the_method_is_unknown_answers_unimplemented()
    {
        await _peer.CallAsync(1, "Nothing", []);

        await ExpectAsync(1, StatusCode.Unimplemented, "method Nothing");
    }

    [Fact]
    public async Task Call_when_its_names_are_longer_than_any_answers_unimplemented()
    {
        var name = new string('x', 100_000);
        await _peer.SendAsync(FrameType.Request, 1, RawPeer.Request(name, "m", []));
        await _peer.CallAsync(3, name, []);

        (await _peer.ReadResponseAsync()).Code.Should().Be((int)StatusCode.Unimplemented);
        (await _peer.ReadResponseAsync()).Code.Should().Be((int)StatusCode.Unimplemented);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(2u)]
    public async Task Call_when_the_stream_id_is_even_answers_invalid_argument(uint id)
    {
        await _peer.CallAsync(id, "Unary", []);

        await ExpectAsync(id, StatusCode.InvalidArgument, "StreamID must be odd for client initiated streams");
    }

    [Fact]
    public async Task Frame_when_of_unknown_type_with_an_even_id_is_answered_for_its_id()
    {
        await _peer.SendAsync((FrameType)9, 4, []);

        await ExpectAsync(4, StatusCode.InvalidArgument, "StreamID must be odd for client initiated streams");
    }

    [Fact]
    public async Task Frame_when_of_unknown_type_is_ignored()
    {
        await _peer.SendAsync((FrameType)9, 1, [1, 2, 3]);
        await _peer.SendAsync(FrameType.Response, 1, [1, 2, 3]);
        await _peer.CallAsync(1, "Unary", "x"u8.ToArray());

        (await _peer.ReadResponseAsync()).Code.Should().Be(0);
    }

    [Theory]
    [InlineData(5u)]
    [InlineData(3u)]
    public async Task Call_when_the_stream_id_does_not_rise_answers_invalid_argument(uint second)
    {
        await _peer.CallAsync(5, "Unary", []);
        (await _peer.ReadResponseAsync()).Code.Should().Be(0);

        await _peer.CallAsync(second, "Unary", []);

        await ExpectAsync(second, StatusCode.InvalidArgument, "StreamID cannot be re-used and must increment");
    }

    [Fact]
    public async Task Data_when_the_stream_is_unknown_answers_invalid_argument()
    {
        await _peer.SendAsync(FrameType.Data, 7, [1]);

        await ExpectAsync(7, StatusCode.InvalidArgument, "StreamID is no longer active");
    }

    [Fact]
    public async Task Data_when_the_stream_has_finished_answers_invalid_argument()
    {
        await _peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);
        await _peer.SendAsync(FrameType.Data, 1, [], FrameFlags.RemoteClosed | FrameFlags.NoData);
        (await _peer.ReadResponseAsync()).Code.Should().Be(0);

        await _peer.SendAsync(FrameType.Data, 1, [1]);

        await ExpectAsync(1, StatusCode.InvalidArgument, "StreamID is no longer active");
    }

    [Fact]
    public async Task Data_when_the_call_is_unary_answers_invalid_argument_and_stops_it()
    {
        var canceled = new TaskCompletionSource();
        _served.Service.OnUnary = async (note, context) =>
        {
            await using var registration = context.CancellationToken.Register(canceled.SetResult);
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
            return note;
        };
        await _peer.CallAsync(1, "Unary", []);

        await _peer.SendAsync(FrameType.Data, 1, [1]);

        await ExpectAsync(1, StatusCode.InvalidArgument, "StreamID is no longer active");
        await canceled.Task.WaitAsync(RawPeer.Patience);
    }

    [Fact]
    public async Task Call_when_its_envelope_is_damaged_answers_invalid_argument()
    {
        await _peer.SendAsync(FrameType.Request, 1, [0x0a, 0x7f, 0x61]);

        await ExpectAsync(1, StatusCode.InvalidArgument, "unmarshal request error: unexpected end of message");
    }

    [Theory]
    [InlineData("Unary")]
    [InlineData("Down")]
    [InlineData("Up")]
    public async Task Call_when_its_payload_does_not_parse_answers_internal(string method)
    {
        await _peer.CallAsync(1, method, [0xff]);

        await ExpectAsync(1, StatusCode.Internal, "ttrpc: error unmarshalling payload: bad note");
    }

    [Fact]
    public async Task Data_when_it_does_not_parse_ends_the_stream_with_internal()
    {
        await _peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);

        await _peer.SendAsync(FrameType.Data, 1, [0xff]);

        await ExpectAsync(1, StatusCode.Internal, "ttrpc: error unmarshalling payload: bad note");
    }

    [Fact]
    public async Task Frame_when_over_the_limit_is_skipped_and_answered_and_the_connection_stays()
    {
        await _peer.SendAsync(FrameType.Request, 1, new byte[TtrpcLimits.MaxMessage + 1]);
        await _peer.CallAsync(3, "Unary", "still here"u8.ToArray());

        await ExpectAsync(
            1, StatusCode.ResourceExhausted, "message length 4194305 exceed maximum message size of 4194304");
        (await _peer.ReadResponseAsync()).Payload.Should().Equal("still here"u8.ToArray());
    }

    [Fact]
    public async Task Frame_when_exactly_at_the_limit_is_taken()
    {
        var overhead = RawPeer.Request(NoteService.Name, "Unary", new byte[1_000_000]).Length - 1_000_000 + 1;
        var payload = new byte[TtrpcLimits.MaxMessage - overhead];
        _served.Service.OnUnary = (note, _) => Task.FromResult(new Note($"{note.Bytes.Length}"));
        var request = RawPeer.Request(NoteService.Name, "Unary", payload);
        request.Should().HaveCount(TtrpcLimits.MaxMessage);

        await _peer.SendAsync(FrameType.Request, 1, request);

        (await _peer.ReadResponseAsync()).Payload.Should().Equal(new Note($"{payload.Length}").Bytes);
    }

    [Fact]
    public async Task Data_when_its_close_carries_a_message_delivers_it_and_answers_invalid_argument()
    {
        var received = new TaskCompletionSource<string>();
        _served.Service.OnUp = async (notes, _) =>
        {
            await notes.MoveNext(CancellationToken.None);
            var first = notes.Current.Text;
            var more = await notes.MoveNext(CancellationToken.None);
            received.SetResult($"{first} {more}");
            return new Note("late");
        };
        await _peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);

        await _peer.SendAsync(FrameType.Data, 1, "last"u8.ToArray(), FrameFlags.RemoteClosed);

        (await received.Task.WaitAsync(RawPeer.Patience)).Should().Be("last False");
        await ExpectAsync(1, StatusCode.InvalidArgument, "data close message cannot include data");
    }

    [Fact]
    public async Task Data_when_the_client_has_closed_its_side_answers_invalid_argument()
    {
        var go = new TaskCompletionSource();
        _served.Service.OnUp = async (_, context) =>
        {
            await go.Task.WaitAsync(context.CancellationToken);
            return new Note("");
        };
        await _peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);
        await _peer.SendAsync(FrameType.Data, 1, [], FrameFlags.RemoteClosed | FrameFlags.NoData);

        await _peer.SendAsync(FrameType.Data, 1, [1]);

        await ExpectAsync(1, StatusCode.InvalidArgument, "data handling error: stream closed");
    }

    [Fact]
    public async Task Response_when_ours_is_over_the_limit_answers_resource_exhausted_and_the_connection_stays()
    {
        _served.Service.OnUnary = (note, _) => Task.FromResult(
            note.Text == "big" ? new Note(new byte[TtrpcLimits.MaxMessage]) : note);
        await _peer.CallAsync(1, "Unary", "big"u8.ToArray());

        await ExpectAsync(
            1, StatusCode.ResourceExhausted, "message length 4194311 exceed maximum message size of 4194304");
        await _peer.CallAsync(3, "Unary", "small"u8.ToArray());
        (await _peer.ReadResponseAsync()).Payload.Should().Equal("small"u8.ToArray());
    }

    [Fact]
    public async Task Stream_when_ours_writes_a_message_over_the_limit_ends_with_resource_exhausted()
    {
        _served.Service.OnDown = (_, writer, _) => writer.WriteAsync(new Note(new byte[TtrpcLimits.MaxMessage + 1]));
        await _peer.CallAsync(1, "Down", [], flags: FrameFlags.RemoteClosed);

        (await _peer.ReadResponseAsync()).Code.Should().Be((int)StatusCode.ResourceExhausted);
    }

    [Fact]
    public async Task Stream_when_the_client_sends_a_first_message_with_the_opening_request_counts_it()
    {
        await _peer.CallAsync(1, "Up", "ab"u8.ToArray(), flags: FrameFlags.RemoteOpen);
        await _peer.SendAsync(FrameType.Data, 1, "cd"u8.ToArray());
        await _peer.SendAsync(FrameType.Data, 1, [], FrameFlags.RemoteClosed | FrameFlags.NoData);

        (await _peer.ReadResponseAsync()).Payload.Should().Equal("abcd"u8.ToArray());
    }

    [Fact]
    public async Task Stream_when_the_server_sends_it_is_data_frames_and_an_end_without_data()
    {
        await _peer.CallAsync(1, "Down", "ab"u8.ToArray(), flags: FrameFlags.RemoteClosed);

        var frames = new[] { await _peer.ReadAsync(), await _peer.ReadAsync(), await _peer.ReadAsync() };

        frames[0]!.Value.Header.Should().Be(new FrameHeader(1, 1, FrameType.Data, FrameFlags.None));
        frames[0]!.Value.Payload.Should().Equal("a"u8.ToArray());
        frames[1]!.Value.Payload.Should().Equal("b"u8.ToArray());
        frames[2]!.Value.Header.Should().Be(
            new FrameHeader(0, 1, FrameType.Data, FrameFlags.RemoteClosed | FrameFlags.NoData));
    }

    [Fact]
    public async Task Stream_when_a_message_is_empty_is_told_from_no_message()
    {
        _served.Service.OnUp = async (notes, _) =>
        {
            var count = 0;
            while (await notes.MoveNext(CancellationToken.None))
                count++;
            return new Note($"{count}");
        };
        await _peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);
        await _peer.SendAsync(FrameType.Data, 1, []);
        await _peer.SendAsync(FrameType.Data, 1, [], FrameFlags.NoData);
        await _peer.SendAsync(FrameType.Data, 1, [], FrameFlags.RemoteClosed | FrameFlags.NoData);

        (await _peer.ReadResponseAsync()).Payload.Should().Equal("1"u8.ToArray());
    }

    [Fact]
    public async Task Handler_when_it_fails_with_a_status_answers_it_without_payload()
    {
        _served.Service.OnUnary = (_, _) => throw new RpcException(
            new Status(StatusCode.NotFound, "container x: not found"));
        await _peer.CallAsync(1, "Unary", []);

        (await _peer.ReadResponseAsync()).Should().BeEquivalentTo(
            new RawResponse(1, true, (int)StatusCode.NotFound, "container x: not found", []));
    }

    [Fact]
    public async Task Handler_when_it_sets_the_status_of_its_context_answers_it()
    {
        _served.Service.OnUnary = (note, context) =>
        {
            context.Status = new Status(StatusCode.Aborted, "set");
            return Task.FromResult(note);
        };
        await _peer.CallAsync(1, "Unary", []);

        await ExpectAsync(1, StatusCode.Aborted, "set");
    }

    [Fact]
    public async Task Handler_when_its_own_cancellation_ends_it_answers_canceled()
    {
        _served.Service.OnUnary = (_, _) => throw new OperationCanceledException();
        await _peer.CallAsync(1, "Unary", []);

        await ExpectAsync(1, StatusCode.Cancelled, "context canceled");
    }

    [Fact]
    public async Task Call_when_its_time_limit_is_negative_answers_deadline_exceeded_without_a_handler()
    {
        var called = false;
        _served.Service.OnUnary = (note, _) =>
        {
            called = true;
            return Task.FromResult(note);
        };
        await _peer.CallAsync(1, "Unary", [], timeout: -5);

        await ExpectAsync(1, StatusCode.DeadlineExceeded, "context deadline exceeded");
        called.Should().BeFalse();
    }

    [Fact]
    public async Task Calls_when_the_first_waits_are_answered_in_any_order()
    {
        var first = new TaskCompletionSource();
        _served.Service.OnUnary = async (note, _) =>
        {
            if (note.Text == "first")
                await first.Task;
            return note;
        };
        await _peer.CallAsync(1, "Unary", "first"u8.ToArray());
        await _peer.CallAsync(3, "Unary", "second"u8.ToArray());

        (await _peer.ReadResponseAsync()).Id.Should().Be(3);
        first.SetResult();
        (await _peer.ReadResponseAsync()).Id.Should().Be(1);
    }

    [Fact]
    public async Task Frame_when_it_comes_byte_by_byte_is_read()
    {
        var bytes = RawPeer.Frame(FrameType.Request, 1, RawPeer.Request(NoteService.Name, "Unary", "slow"u8.ToArray()));

        foreach (var b in bytes)
            await _peer.SendBytesAsync([b]);

        (await _peer.ReadResponseAsync()).Payload.Should().Equal("slow"u8.ToArray());
    }

    [Fact]
    public async Task Client_when_it_half_closes_ends_the_handlers_and_the_connection()
    {
        var canceled = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        _served.Service.OnUnary = async (note, context) =>
        {
            await using var registration = context.CancellationToken.Register(canceled.SetResult);
            started.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
            return note;
        };
        await _peer.CallAsync(1, "Unary", []);
        await started.Task.WaitAsync(RawPeer.Patience);

        _peer.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);

        await canceled.Task.WaitAsync(RawPeer.Patience);
        (await _peer.ReadAsync()).Should().BeNull();
        await _served.Serving.WaitAsync(RawPeer.Patience);
    }

    private async Task ExpectAsync(uint id, StatusCode code, string message) =>
        (await _peer.ReadResponseAsync()).Should().BeEquivalentTo(new RawResponse(id, true, (int)code, message, []));
}
