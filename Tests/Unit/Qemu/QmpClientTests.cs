using System.Text;
using FluentAssertions;
using Kata.Adapters.Qemu.Qmp;
using Kata.Tests.Scripted;
using Xunit;

namespace Kata.Tests.Unit.Qemu;

public sealed class QmpClientTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Open_when_greeted_knows_the_version()
    {
        using var server = ScriptedQmpServer.Start();
        var opening = QmpClient.OpenAsync(server.Client, default);

        await server.NegotiateAsync();
        await using var client = await opening.WaitAsync(Limit);

        client.Version.Should().Be(new QmpVersionNumber(7, 2, 22));
    }

    [Fact]
    public async Task Open_when_version_is_old_refuses_and_closes()
    {
        using var server = ScriptedQmpServer.Start();
        var opening = QmpClient.OpenAsync(server.Client, default);

        await server.SayAsync(
            """{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 4}}, "capabilities": []}}""");

        await opening.Invoking(o => o.WaitAsync(Limit)).Should().ThrowAsync<QmpException>()
            .WithMessage("*4.2.0*too old*");
        (await server.HearAsync().WaitAsync(Limit)).Should().BeNull();
    }

    [Fact]
    public async Task Open_when_peer_hangs_up_before_greeting_fails()
    {
        using var server = ScriptedQmpServer.Start();
        var opening = QmpClient.OpenAsync(server.Client, default);

        server.HangUp();

        (await opening.Invoking(o => o.WaitAsync(Limit)).Should().ThrowAsync<QmpException>())
            .Which.IsConnectionLost.Should().BeTrue();
    }

    [Fact]
    public async Task Open_when_cancelled_leaves_nothing_open()
    {
        using var server = ScriptedQmpServer.Start();
        using var cancel = new CancellationTokenSource();
        var opening = QmpClient.OpenAsync(server.Client, cancel.Token);

        await cancel.CancelAsync();

        await opening.Invoking(o => o.WaitAsync(Limit)).Should().ThrowAsync<OperationCanceledException>();
        (await server.HearAsync().WaitAsync(Limit)).Should().BeNull();
    }

    [Fact]
    public async Task Execute_when_replies_come_in_another_order_matches_by_id()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);

        var first = client.ExecuteAsync("query-status", default);
        (await server.HearAsync()).Should().Be("""{"execute":"query-status","id":2}""");
        var second = client.ExecuteAsync("query-name", default);
        (await server.HearAsync()).Should().Be("""{"execute":"query-name","id":3}""");
        await server.SayAsync("""{"return": {"name": "b"}, "id": 3}""");
        await server.SayAsync("""{"return": {"status": "running"}, "id": 2}""");

        (await first.WaitAsync(Limit)).GetProperty("status").GetString().Should().Be("running");
        (await second.WaitAsync(Limit)).GetProperty("name").GetString().Should().Be("b");
    }

    [Fact]
    public async Task Execute_when_refused_throws_class_and_text()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);

        var call = client.ExecuteAsync("device_del", default);
        await server.SayAsync("""{"id": 2, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}""");

        var thrown = (await call.Invoking(c => c.WaitAsync(Limit)).Should().ThrowAsync<QmpException>()).Which;
        thrown.ErrorClass.Should().Be("DeviceNotFound");
        thrown.Message.Should().Be("Device 'x' not found");
    }

    [Fact]
    public async Task Execute_when_cancelled_leaves_the_connection_usable()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);
        using var cancel = new CancellationTokenSource();

        var left = client.ExecuteAsync("stop", cancel.Token);
        await server.HearAsync();
        await cancel.CancelAsync();
        await left.Invoking(c => c.WaitAsync(Limit)).Should().ThrowAsync<OperationCanceledException>();
        await server.SayAsync("""{"return": {}, "id": 2}""");
        var next = client.ExecuteAsync("cont", default);
        await server.HearAsync();
        await server.SayAsync("""{"return": {}, "id": 3}""");

        await next.WaitAsync(Limit);
    }

    [Fact]
    public async Task Execute_when_connection_ends_fails_all_that_wait_with_the_first_reason()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);

        var call = client.ExecuteAsync("query-status", default);
        await server.HearAsync();
        server.HangUp();

        await call.Invoking(c => c.WaitAsync(Limit)).Should().ThrowAsync<QmpException>()
            .WithMessage("*closed the connection*");
        (await client.Closed.WaitAsync(Limit)).Should().Contain("closed the connection");
        await client.Invoking(c => c.ExecuteAsync("stop", default)).Should().ThrowAsync<QmpException>();
    }

    [Fact]
    public async Task Events_when_mixed_with_replies_are_delivered()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);

        var call = client.ExecuteAsync("stop", default);
        await server.SayAsync("""{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}""");
        await server.SayAsync("""{"return": {}, "id": 2}""");
        await server.SayAsync("""{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}""");

        await call.WaitAsync(Limit);
        (await client.Events.ReadAsync().AsTask().WaitAsync(Limit)).Name.Should().Be("STOP");
        (await client.Events.ReadAsync().AsTask().WaitAsync(Limit)).Data!.Value.GetProperty("reason").GetString()
            .Should().Be("guest-reset");
    }

    [Fact]
    public async Task Read_when_a_line_comes_in_pieces_puts_it_together()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);
        var text = new string('x', 20_000);

        var call = client.ExecuteAsync("qom-get", default);
        foreach (var piece in Encoding.UTF8.GetBytes($$"""{"return": {"text": "{{text}}"}, "id": 2}"""
            + "\n").Chunk(3333))
            await server.SendAsync(piece);

        (await call.WaitAsync(Limit)).GetProperty("text").GetString().Should().Be(text);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{\"QMP\": 3}")]
    [InlineData("{\"id\": \"two\", \"return\": {}}")]
    [InlineData("[]")]
    public async Task Read_when_peer_speaks_something_else_closes(string line)
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);

        await server.SayAsync(line);

        (await client.Closed.WaitAsync(Limit)).Should().StartWith("not QMP");
    }

    [Fact]
    public async Task Read_when_a_line_never_ends_closes_at_the_bound()
    {
        using var server = ScriptedQmpServer.Start();
        await using var client = await OpenAsync(server);
        var block = Encoding.UTF8.GetBytes(new string('[', 64 * 1024));

        var flood = Task.Run(async () =>
        {
            try
            {
                while (!client.Closed.IsCompleted)
                    await server.SendAsync(block);
            }
            catch (System.Net.Sockets.SocketException)
            {
                // The client has closed, which is what is awaited.
            }
        });

        (await client.Closed.WaitAsync(Limit)).Should().Contain("longer than");
        await flood.WaitAsync(Limit);
    }

    [Fact]
    public async Task Read_when_bytes_are_random_parses_or_closes_and_never_hangs()
    {
        var random = new Random(20260101);
        for (var round = 0; round < 50; round++)
        {
            using var server = ScriptedQmpServer.Start();
            await using var client = await OpenAsync(server);
            var bytes = new byte[random.Next(1, 4000)];
            random.NextBytes(bytes);

            await server.SendAsync(bytes);
            server.HangUp();

            await client.Closed.WaitAsync(Limit);
        }
    }

    private static async Task<QmpClient> OpenAsync(ScriptedQmpServer server)
    {
        var opening = QmpClient.OpenAsync(server.Client, default);
        await server.NegotiateAsync();
        return await opening.WaitAsync(Limit);
    }
}
