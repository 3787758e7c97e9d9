using System.Net.Sockets;
using CsCheck;
using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

/// <summary>Limits, deadlines, shutdown and listening.</summary>
public sealed class ServerTests
{
    public static TheoryData<ReaderKind, bool> Transports => new()
    {
        { ReaderKind.Async, false },
        { ReaderKind.Async, true },
        { ReaderKind.BlockingThread, false },
        { ReaderKind.BlockingThread, true },
    };

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Call_when_over_any_transport_is_answered(ReaderKind reader, bool overStream)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader }, overStream: overStream);
        using var peer = new RawPeer(served.Client);

        for (uint id = 1; id < 200; id += 2)
        {
            await peer.CallAsync(id, "Unary", new byte[id * 100]);
            (await peer.ReadResponseAsync()).Payload.Should().HaveCount((int)id * 100);
        }
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Connection_when_the_client_leaves_ends_on_any_transport(ReaderKind reader, bool overStream)
    {
        await using var served = new Served(new TtrpcServerOptions { Reader = reader }, overStream: overStream);

        served.Client.Dispose();

        await served.Serving.WaitAsync(RawPeer.Patience);
    }

    [Theory]
    [InlineData(ReaderKind.Async)]
    [InlineData(ReaderKind.BlockingThread)]
    public async Task Connection_when_its_token_fires_is_closed(ReaderKind reader)
    {
        using var stop = new CancellationTokenSource();
        await using var server = new TtrpcServer(new TtrpcServerOptions { Reader = reader });
        var (client, socket) = SocketPair.Create();
        using var peer = new RawPeer(client);
        var serving = server.ServeConnectionAsync(socket, stop.Token);

        await stop.CancelAsync();

        await serving.WaitAsync(RawPeer.Patience);
        (await peer.ReadAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Call_when_too_many_are_in_flight_answers_resource_exhausted_and_reads_on()
    {
        var go = new TaskCompletionSource();
        await using var served = new Served(service: new NoteService
        {
            OnUnary = async (note, _) =>
            {
                await go.Task;
                return note;
            },
        });
        using var peer = new RawPeer(served.Client);
        var request = RawPeer.Request(NoteService.Name, "Unary", [1]);
        var id = 1u;
        for (var i = 0; i < TtrpcLimits.MaxCallsInFlight; i++, id += 2)
            await peer.SendAsync(FrameType.Request, id, request);

        await peer.SendAsync(FrameType.Request, id, request);
        var refused = await peer.ReadResponseAsync();
        go.SetResult();
        var answers = new HashSet<uint>();
        while (answers.Count < TtrpcLimits.MaxCallsInFlight)
            answers.Add((await peer.ReadResponseAsync()).Id);

        refused.Should().BeEquivalentTo(
            new RawResponse(id, true, (int)StatusCode.ResourceExhausted, "more than 1024 calls in flight", []));
        answers.Should().NotContain(id);
    }

    [Fact]
    public async Task Call_that_is_urgent_when_too_many_are_in_flight_is_taken_up_to_a_bound()
    {
        var go = new TaskCompletionSource();
        await using var served = new Served(
            new TtrpcServerOptions { MaxCallsInFlight = 1, IsUrgent = (_, method) => method == "Unary" },
            new NoteService
            {
                OnUnary = async (note, _) =>
                {
                    await go.Task;
                    return note;
                },
            });
        using var peer = new RawPeer(served.Client);
        var request = RawPeer.Request(NoteService.Name, "Unary", [1]);
        var id = 1u;
        for (var i = 0; i < 1 + TtrpcLimits.MaxUrgentCalls; i++, id += 2)
            await peer.SendAsync(FrameType.Request, id, request);

        await peer.SendAsync(FrameType.Request, id, request);

        (await peer.ReadResponseAsync()).Id.Should().Be(id);
        go.SetResult();
        for (var i = 0; i < 1 + TtrpcLimits.MaxUrgentCalls; i++)
            (await peer.ReadResponseAsync()).Code.Should().Be((int)StatusCode.OK);
    }

    [Theory]
    [InlineData(ReaderKind.Async)]
    [InlineData(ReaderKind.BlockingThread)]
    public async Task Connection_when_the_peer_never_reads_is_closed_with_the_reason(ReaderKind reader)
    {
        var closed = new TaskCompletionSource<TtrpcException>();
        await using var served = new Served(
            new TtrpcServerOptions { Reader = reader, OnConnectionClosed = closed.SetResult },
            new NoteService { OnUnary = (_, _) => Task.FromResult(new Note(new byte[1_000_000])) });
        using var peer = new RawPeer(served.Client);

        for (uint i = 0; i < 12; i++)
            await peer.CallAsync(1 + (2 * i), "Unary", []);

        (await closed.Task.WaitAsync(RawPeer.Patience))
            .Message.Should().Be("the peer leaves more than 8388608 bytes unread");
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Answers_when_the_peer_reads_late_all_arrive_whole(ReaderKind reader, bool overStream)
    {
        await using var served = new Served(
            new TtrpcServerOptions { Reader = reader },
            new NoteService
            {
                OnUnary = (note, _) => Task.FromResult(new Note(Enumerable.Repeat(note.Bytes[0], 100_000).ToArray())),
            },
            overStream);
        using var peer = new RawPeer(served.Client);
        for (uint i = 0; i < 60; i++)
            await peer.CallAsync(1 + (2 * i), "Unary", [(byte)i]);

        var seen = new HashSet<uint>();
        for (var i = 0; i < 60; i++)
        {
            var response = await peer.ReadResponseAsync();
            response.Payload.Should().HaveCount(100_000).And.OnlyContain(b => b == (response.Id - 1) / 2);
            seen.Add(response.Id);
        }

        seen.Should().HaveCount(60);
    }

    [Fact]
    public async Task Call_when_its_time_is_over_is_answered_and_its_handler_canceled()
    {
        var clock = new StandingClock();
        var canceled = new TaskCompletionSource();
        var started = new TaskCompletionSource<ServerCallContext>();
        await using var served = new Served(new TtrpcServerOptions { Time = clock }, new NoteService
        {
            OnUnary = async (note, context) =>
            {
                // Left registered: a registration undone by the delay's own cancellation would never be called.
                context.CancellationToken.Register(canceled.SetResult);
                started.SetResult(context);
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return note;
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Unary", [], timeout: 2_000_000_000);
        var context = await started.Task.WaitAsync(RawPeer.Patience);

        context.Deadline.Should().Be(clock.GetUtcNow().UtcDateTime.AddSeconds(2));
        clock.Advance(TimeSpan.FromSeconds(2));

        (await peer.ReadResponseAsync()).Should().BeEquivalentTo(
            new RawResponse(1, true, (int)StatusCode.DeadlineExceeded, "context deadline exceeded", []));
        await canceled.Task.WaitAsync(RawPeer.Patience);
    }

    [Fact]
    public async Task Call_when_answered_in_time_leaves_no_timer()
    {
        var clock = new StandingClock();
        await using var served = new Served(new TtrpcServerOptions { Time = clock });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Unary", [], timeout: long.MaxValue);
        await peer.ReadResponseAsync();
        await peer.CallAsync(3, "Unary", [], timeout: 1_000_000_000);
        await peer.ReadResponseAsync();
        await served.Server.StopAsync();

        clock.TimerCount.Should().Be(0);
    }

    [Fact]
    public async Task Stream_when_its_handler_does_not_read_for_a_second_is_refused_and_others_go_on()
    {
        var clock = new StandingClock();
        var canceled = new TaskCompletionSource();
        await using var served = new Served(new TtrpcServerOptions { Time = clock }, new NoteService
        {
            OnUp = async (_, context) =>
            {
                await using var registration = context.CancellationToken.Register(canceled.SetResult);
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return new Note("");
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);
        for (var i = 0; i < 65; i++)
            await peer.SendAsync(FrameType.Data, 1, [1]);
        await peer.CallAsync(3, "Unary", "between"u8.ToArray());
        (await peer.ReadResponseAsync()).Id.Should().Be(3);

        clock.Advance(TimeSpan.FromSeconds(1));

        (await peer.ReadResponseAsync()).Should().BeEquivalentTo(
            new RawResponse(
                1, true, (int)StatusCode.InvalidArgument, "data handling error: stream receive queue is full", []));
        await canceled.Task.WaitAsync(RawPeer.Patience);
    }

    [Fact]
    public async Task Stream_when_its_unread_bytes_pass_the_limit_is_refused_at_once()
    {
        await using var served = new Served(new TtrpcServerOptions { Time = new StandingClock() }, new NoteService
        {
            OnUp = async (_, context) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return new Note("");
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);

        for (var i = 0; i < 5; i++)
            await peer.SendAsync(FrameType.Data, 1, new byte[TtrpcLimits.MaxMessage]);

        (await peer.ReadResponseAsync()).Message.Should().Be("data handling error: stream receive queue is full");
    }

    [Fact]
    public async Task Stream_when_its_client_is_done_lets_its_handler_take_its_time()
    {
        var clock = new StandingClock();
        var read = new TaskCompletionSource();
        await using var served = new Served(new TtrpcServerOptions { Time = clock }, new NoteService
        {
            OnUp = async (notes, _) =>
            {
                await read.Task;
                var count = 0;
                while (await notes.MoveNext(CancellationToken.None))
                    count++;
                return new Note($"{count}");
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Up", [], flags: FrameFlags.RemoteOpen);
        for (var i = 0; i < 200; i++)
            await peer.SendAsync(FrameType.Data, 1, [1]);
        await peer.SendAsync(FrameType.Data, 1, [], FrameFlags.RemoteClosed | FrameFlags.NoData);
        await peer.CallAsync(3, "Unary", []);
        await peer.ReadResponseAsync();

        clock.Advance(TimeSpan.FromMinutes(1));
        read.SetResult();

        (await peer.ReadResponseAsync()).Payload.Should().Equal("200"u8.ToArray());
    }

    [Fact]
    public async Task Handler_when_reporting_its_error_fails_still_answers()
    {
        await using var served = new Served(
            new TtrpcServerOptions { OnHandlerError = (_, _) => throw new InvalidOperationException("no log") },
            new NoteService { OnUnary = (_, _) => throw new InvalidOperationException("odd") });
        using var peer = new RawPeer(served.Client);

        await peer.CallAsync(1, "Unary", []);

        (await peer.ReadResponseAsync()).Message.Should().Be("odd");
    }

    [Fact]
    public async Task Handler_when_it_fails_without_a_status_answers_unknown_and_is_reported()
    {
        var reported = new TaskCompletionSource<(string, Exception)>();
        await using var served = new Served(
            new TtrpcServerOptions { OnHandlerError = (method, e) => reported.SetResult((method, e)) },
            new NoteService { OnUnary = (_, _) => throw new InvalidOperationException("odd") });
        using var peer = new RawPeer(served.Client);

        await peer.CallAsync(1, "Unary", []);

        (await peer.ReadResponseAsync())
            .Should().BeEquivalentTo(new RawResponse(1, true, (int)StatusCode.Unknown, "odd", []));
        var (method, error) = await reported.Task.WaitAsync(RawPeer.Patience);
        method.Should().Be("/test.Notes/Unary");
        error.Should().BeOfType<InvalidOperationException>();
    }

    [Fact]
    public async Task Handler_when_it_returns_no_message_answers_unknown()
    {
        await using var served = new Served(
            service: new NoteService { OnUnary = (_, _) => Task.FromResult<Note>(null!) });
        using var peer = new RawPeer(served.Client);

        await peer.CallAsync(1, "Unary", []);

        (await peer.ReadResponseAsync()).Message.Should().Be("the handler returned no message");
    }

    [Fact]
    public async Task Handler_when_inline_and_waiting_does_not_hold_up_the_reader()
    {
        var first = new TaskCompletionSource();
        await using var served = new Served(
            new TtrpcServerOptions { RunInline = (_, method) => method == "Unary" }, new NoteService
            {
                OnUnary = async (note, _) =>
                {
                    if (note.Text == "first")
                        await first.Task;
                    return note;
                },
            });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Unary", "first"u8.ToArray());
        await peer.CallAsync(3, "Unary", "second"u8.ToArray());

        (await peer.ReadResponseAsync()).Id.Should().Be(3);
        first.SetResult();
        (await peer.ReadResponseAsync()).Id.Should().Be(1);
    }

    [Fact]
    public async Task Server_when_stopped_finishes_running_calls_and_refuses_new_ones()
    {
        var started = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await using var served = new Served(service: new NoteService
        {
            OnUnary = async (note, _) =>
            {
                started.SetResult();
                await go.Task;
                return note;
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Unary", "running"u8.ToArray());
        await started.Task.WaitAsync(RawPeer.Patience);

        var stopping = served.Server.StopAsync();
        await peer.CallAsync(3, "Unary", "late"u8.ToArray());
        var refused = await peer.ReadResponseAsync();
        go.SetResult();
        var finished = await peer.ReadResponseAsync();
        await stopping.WaitAsync(RawPeer.Patience);

        refused.Should().BeEquivalentTo(new RawResponse(3, true, (int)StatusCode.Unavailable, "the server stops", []));
        finished.Payload.Should().Equal("running"u8.ToArray());
        (await peer.ReadAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Server_when_stopping_is_cut_short_closes_what_runs()
    {
        var started = new TaskCompletionSource();
        await using var served = new Served(service: new NoteService
        {
            OnUnary = async (note, context) =>
            {
                started.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
                return note;
            },
        });
        using var peer = new RawPeer(served.Client);
        await peer.CallAsync(1, "Unary", []);
        await started.Task.WaitAsync(RawPeer.Patience);
        using var patience = new CancellationTokenSource();

        var stopping = served.Server.StopAsync(patience.Token);
        await patience.CancelAsync();

        await stopping.WaitAsync(RawPeer.Patience);
        (await peer.ReadAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Listener_when_many_connect_serves_them_side_by_side()
    {
        await using var server = new TtrpcServer();
        server.AddService(new NoteService().Bind);
        using var listener = SocketPair.Listen(out var address);
        using var stop = new CancellationTokenSource();
        var serving = server.ServeAsync(listener, stop.Token);

        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            using var peer = new RawPeer(await SocketPair.ConnectAsync(address));
            for (uint id = 1; id < 20; id += 2)
            {
                await peer.CallAsync(id, "Unary", [(byte)i]);
                (await peer.ReadResponseAsync()).Payload.Should().Equal((byte)i);
            }
        }));
        await stop.CancelAsync();

        await serving.WaitAsync(RawPeer.Patience);
    }

    [Fact]
    public async Task Listener_when_the_peer_is_not_accepted_closes_it_unread()
    {
        var asked = 0;
        await using var server = new TtrpcServer(new TtrpcServerOptions { AcceptPeer = _ => asked++ > 0 });
        server.AddService(new NoteService().Bind);
        using var listener = SocketPair.Listen(out var address);
        using var stop = new CancellationTokenSource();
        var serving = server.ServeAsync(listener, stop.Token);
        using var refused = new RawPeer(await SocketPair.ConnectAsync(address));
        (await refused.ReadAsync()).Should().BeNull();

        using var accepted = new RawPeer(await SocketPair.ConnectAsync(address));
        await accepted.CallAsync(1, "Unary", [1]);

        (await accepted.ReadResponseAsync()).Code.Should().Be(0);
        await stop.CancelAsync();
        await serving.WaitAsync(RawPeer.Patience);
        (await accepted.ReadAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Listener_when_the_server_stops_accepts_no_more()
    {
        await using var server = new TtrpcServer();
        using var listener = SocketPair.Listen(out _);
        var serving = server.ServeAsync(listener, CancellationToken.None);

        await server.StopAsync();

        await serving.WaitAsync(RawPeer.Patience);
    }

    [Fact]
    public async Task Service_when_bound_under_a_second_name_answers_to_both()
    {
        var service = new NoteService();
        await using var server = new TtrpcServer();
        server.AddService(service.Bind);
        server.AddService(service.Bind, "test.v3.Notes");
        var (client, socket) = SocketPair.Create();
        using var peer = new RawPeer(client);
        _ = server.ServeConnectionAsync(socket, CancellationToken.None);

        await peer.SendAsync(FrameType.Request, 1, RawPeer.Request("test.v3.Notes", "Unary", [7]));
        await peer.SendAsync(FrameType.Request, 3, RawPeer.Request("test.Notes", "Unary", [8]));

        (await peer.ReadResponseAsync()).Code.Should().Be(0);
        (await peer.ReadResponseAsync()).Code.Should().Be(0);
        var again = () => server.AddService(service.Bind, "other");
        again.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public async Task Connection_when_fed_garbage_never_hurts_another()
    {
        await using var good = new Served();
        using var goodPeer = new RawPeer(good.Client);
        uint id = 1;

        await Gen.Select(Gen.Byte.Array[0, 400], Gen.Bool).SampleAsync(
            async (garbage, asFrame) =>
            {
                await using var bad = new Served(service: good.Service);
                using var badPeer = new RawPeer(bad.Client);
                await badPeer.SendBytesAsync(asFrame ? RawPeer.Frame(FrameType.Request, 1, garbage) : garbage);
                bad.Client.Shutdown(SocketShutdown.Send);
                await bad.Serving.WaitAsync(RawPeer.Patience);
            },
            iter: 200,
            threads: 1);
        await goodPeer.CallAsync(id, "Unary", [1]);

        (await goodPeer.ReadResponseAsync()).Code.Should().Be(0);
    }
}
