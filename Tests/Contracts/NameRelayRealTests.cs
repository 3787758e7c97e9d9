using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Guest.Network;
using Kata.Adapters.Vsock.Agent;
using Kata.Apps.Agent.Network;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Ttrpc;
using Xunit;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Contracts;

/// <summary>
/// A question from a namespace that plays the guest, by our agent's relay and its client, to a server that is placed as
/// dockerd places it: at ports of its own in the container's namespace, with rules there that lead to them.
/// </summary>
[Trait("category", "real")]
public sealed class NameRelayRealTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly IPEndPoint Server = IPEndPoint.Parse("127.0.0.11:53");

    private readonly NetworkNamespaces _spaces = new();
    private readonly TtrpcServer _agent = new();
    private readonly DockerNameServer _names = new(TimeProvider.System);
    private readonly CancellationTokenSource _over = new();
    private readonly List<Socket> _docker = [];
    private TtrpcAgent _client = null!;

    private string Guest => $"/run/netns/{_spaces.Around}";

    private NetworkNamespacePath Container => new(HostPath.Parse(_spaces.PodPath, "namespace"));

    public async Task InitializeAsync()
    {
        NetworkNamespaces.Ip($"-n {_spaces.Around} link set lo up");
        await PlaceDockerAsync();
        _agent.AddService(binder => Proto.NameRelay.BindService(binder, new NameRelayService(Guest)));
        _client = await ConnectAsync(_agent);
    }

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _over.CancelAsync();
        _docker.ForEach(socket => socket.Dispose());
        await _agent.DisposeAsync();
        _spaces.Dispose();
    }

    [Fact]
    public async Task Question_of_the_guest_is_answered_by_datagram_and_by_stream()
    {
        await ServeAsync();

        (await AskAsync("what?"u8.ToArray())).Should().Equal("udp what?"u8.ToArray());
        var large = new byte[40_000];
        Random.Shared.NextBytes(large);
        (await AskByStreamAsync(large)).Should().Equal([.. "tcp "u8, .. large]);
    }

    [Fact]
    public async Task Many_questions_at_once_get_each_its_own_answer()
    {
        await ServeAsync();

        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(async i =>
            (i, Answer: await (i % 2 == 0 ? AskAsync([(byte)i]) : AskByStreamAsync([(byte)i])))));

        answers.Select(pair => (int)pair.Answer[^1]).Should().Equal(answers.Select(pair => pair.i));
    }

    [Fact]
    public async Task Program_of_the_guest_that_serves_names_itself_still_has_the_port()
    {
        await ServeAsync();

        using var own = await Namespaces.RunInNetworkNamespaceAsync(Guest, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, 53));
            return socket;
        });
        using var asker = await SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        await asker.SendToAsync("own"u8.ToArray(), IPEndPoint.Parse("127.0.0.1:53"));

        (await own.ReceiveAsync(new byte[16]).WaitAsync(Patience)).Should().Be(3);
        (await AskAsync("what?"u8.ToArray())).Should().Equal("udp what?"u8.ToArray());
    }

    [Fact]
    public async Task Relay_ends_with_the_connection_and_leaves_nothing_in_the_guest()
    {
        var serving = await ServeAsync();

        await _client.DisposeAsync();

        await serving.WaitAsync(Patience);
        (await Namespaces.RunInNetworkNamespaceAsync(Guest, () => SpinWait.SpinUntil(() => !IsListenedTo(), Patience)))
            .Should().BeTrue();

        static bool IsListenedTo() =>
            File.ReadAllText("/proc/thread-self/net/tcp").Contains("0B00007F", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_when_the_guests_agent_knows_no_relay_is_refused_as_unimplemented()
    {
        await using var other = new TtrpcServer();
        await using var client = await ConnectAsync(other);

        var refused = await client.Awaiting(c => c.ServeNamesAsync(AskDockerAsync, default))
            .Should().ThrowAsync<KataException>();

        refused.Which.Kind.Should().Be(ErrorKind.Unimplemented);
    }

    [Fact]
    public async Task Guest_that_asks_without_end_has_a_bounded_number_of_questions_open()
    {
        var questions = new FloodingRelay();
        await using var flooding = new TtrpcServer();
        flooding.AddService(binder => Proto.NameRelay.BindService(binder, questions));
        await using var client = await ConnectAsync(flooding);
        var (open, most) = (0, 0);
        var held = new TaskCompletionSource();

        await client.ServeNamesAsync(async (_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref open));
            await held.Task;
            Interlocked.Decrement(ref open);
            return null;
        }, default);
        await questions.AllAsked.Task.WaitAsync(Patience);
        held.SetResult();

        await questions.LastIsAnswered.Task.WaitAsync(Patience);
        most.Should().BeLessThanOrEqualTo(32);
    }

    [Theory]
    [InlineData("# made by dockerd\nnameserver 127.0.0.11\noptions ndots:0\n", true)]
    [InlineData("search lan\n  nameserver\t127.0.0.11 \n", true)]
    [InlineData("nameserver 10.0.0.1\n# nameserver 127.0.0.11\n", false)]
    [InlineData("nameserver 127.0.0.111\n", false)]
    [InlineData("", false)]
    public async Task Resolv_conf_names_dockers_server_or_another(string text, bool named)
    {
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, text);

        (await _names.IsNamedByAsync(HostPath.Parse(path, "file"), default)).Should().Be(named);

        File.Delete(path);
        (await _names.IsNamedByAsync(HostPath.Parse(path, "file"), default)).Should().BeFalse();
    }

    [Fact]
    public async Task Question_that_nobody_takes_has_no_answer()
    {
        var nowhere = new NetworkNamespacePath(HostPath.Parse(Guest, "namespace"));

        (await _names.AskAsync(nowhere, new NameQuestion(new byte[12], ByTcp: false), default)).Should().BeNull();
        (await _names.AskAsync(nowhere, new NameQuestion(new byte[12], ByTcp: true), default)).Should().BeNull();
    }

    private Task<Task> ServeAsync() => _client.ServeNamesAsync(AskDockerAsync, default);

    private Task<ReadOnlyMemory<byte>?> AskDockerAsync(NameQuestion question, CancellationToken ct) =>
        _names.AskAsync(Container, question, ct);

    private Task<Socket> SocketAsync(SocketType type, ProtocolType protocol) => Namespaces.RunInNetworkNamespaceAsync(
        Guest, () => new Socket(AddressFamily.InterNetwork, type, protocol));

    private async Task<byte[]> AskAsync(byte[] message)
    {
        using var socket = await SocketAsync(SocketType.Dgram, ProtocolType.Udp);
        // Connected, as resolvers are: an answer from anywhere else is not heard.
        await socket.ConnectAsync(Server);
        await socket.SendAsync(message);
        var answer = new byte[65536];
        return answer[..await socket.ReceiveAsync(answer).WaitAsync(Patience)];
    }

    private async Task<byte[]> AskByStreamAsync(byte[] message)
    {
        using var socket = await SocketAsync(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(Server).WaitAsync(Patience);
        await using var stream = new NetworkStream(socket);
        using var limit = new CancellationTokenSource(Patience);
        await DnsStream.WriteAsync(stream, message, limit.Token);
        return (await DnsStream.ReadAsync(stream, limit.Token))!;
    }

    private static async Task<TtrpcAgent> ConnectAsync(TtrpcServer server)
    {
        var (ours, theirs) = await SocketPairAsync();
        _ = server.ServeConnectionAsync(theirs, CancellationToken.None);
        var client = new TtrpcClient(ours);
        return new TtrpcAgent(client, Task.FromResult(""), client, TimeProvider.System);
    }

    private static async Task<(Socket, Socket)> SocketPairAsync()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var path = Path.Combine(Path.GetTempPath(), $"names-{Guid.NewGuid():N}");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        var one = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await one.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var other = await listener.AcceptAsync();
        File.Delete(path);
        return (one, other);
    }

    // Two sockets on ports that the kernel chooses, and rules of the namespace for what is sent from within it.
    private async Task PlaceDockerAsync()
    {
        var address = new IPEndPoint(Server.Address, 0);
        var (udp, tcp) = await Namespaces.RunInNetworkNamespaceAsync(_spaces.PodPath, () =>
        {
            var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            udp.Bind(address);
            var tcp = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            tcp.Bind(address);
            tcp.Listen();
            return (udp, tcp);
        });
        _docker.AddRange([udp, tcp]);
        foreach (var (protocol, socket) in new[] { ("udp", udp), ("tcp", tcp) })
        {
            var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            NetworkNamespaces.Ip($"netns exec {_spaces.Pod} iptables -t nat -A OUTPUT -d 127.0.0.11 -p {protocol} "
                + $"--dport 53 -j DNAT --to-destination 127.0.0.11:{port}");
        }

        _ = AnswerDatagramsAsync(udp);
        _ = AnswerStreamsAsync(tcp);
    }

    private async Task AnswerDatagramsAsync(Socket udp)
    {
        var buffer = new byte[65536];
        while (true)
        {
            var asked = await udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _over.Token);
            await udp.SendToAsync((byte[])[.. "udp "u8, .. buffer[..asked.ReceivedBytes]], asked.RemoteEndPoint);
        }
    }

    private async Task AnswerStreamsAsync(Socket tcp)
    {
        while (true)
        {
            var connection = await tcp.AcceptAsync(_over.Token);
            _ = Task.Run(async () =>
            {
                await using var stream = new NetworkStream(connection, ownsSocket: true);
                if (await DnsStream.ReadAsync(stream, _over.Token) is { } message)
                    await DnsStream.WriteAsync(stream, (byte[])[.. "tcp "u8, .. message], _over.Token);
            });
        }
    }

    /// <summary>An agent that asks far more than it may, and one question more once it has been answered.</summary>
    private sealed class FloodingRelay : Proto.NameRelay.NameRelayBase
    {
        private const uint Last = 1000;

        public TaskCompletionSource AllAsked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource LastIsAnswered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task Serve(
            IAsyncStreamReader<Proto.NameAnswer> requests, IServerStreamWriter<Proto.NameQuestion> responses,
            ServerCallContext context)
        {
            await requests.MoveNext(context.CancellationToken);
            await responses.WriteAsync(new Proto.NameQuestion());
            for (uint id = 1; id <= 500; id++)
                await responses.WriteAsync(new Proto.NameQuestion { Id = id });
            AllAsked.SetResult();
            // What comes while all places are still taken is dropped, so it is asked again with each answer.
            while (await requests.MoveNext(context.CancellationToken))
            {
                if (requests.Current.Id == Last)
                    LastIsAnswered.TrySetResult();
                else
                    await responses.WriteAsync(new Proto.NameQuestion { Id = Last });
            }
        }
    }
}
