using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;

namespace Kata.Tests.Scripted;

/// <summary>How a <see cref="ScriptedAgent"/> is reached.</summary>
public enum ScriptedChannel
{
    /// <summary>A unix socket with the CONNECT handshake.</summary>
    Hybrid,

    /// <summary>A unix socket that stands for a virtio-serial port, with its greeting.</summary>
    Serial,
}

/// <summary>A call that the agent has received.</summary>
public sealed record ScriptedCall(string Method, IMessage Request);

/// <summary>
/// A peer on the wire that plays a guest's agent: it keeps containers and processes in memory, and tests decide what
/// the processes print and when they end. It answers like upstream's agent unless told to keep unread output.
/// </summary>
public sealed class ScriptedAgent : IAsyncDisposable
{
    /// <summary>The port that agents listen on.</summary>
    public const uint Port = 1024;

    private readonly ConcurrentDictionary<string, Status> _failures = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _held = new();
    private readonly ConcurrentDictionary<(string Container, string Exec), ScriptedProcess> _processes = new();
    private readonly ConcurrentDictionary<string, bool> _containers = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly Lock _gate = new();
    private readonly List<ScriptedCall> _calls = [];
    private readonly List<(string Method, TaskCompletionSource<IMessage> Seen)> _waiting = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TtrpcServer _server = new();
    private readonly ScriptedChannel _channel;
    private readonly string _socket;
    private readonly Task _serving;
    private CancellationTokenSource _connected = new();

    private ScriptedAgent(string socket, ScriptedChannel channel)
    {
        _socket = socket;
        _channel = channel;
        _server.AddService(b => AgentService.BindService(b, new ScriptedAgentService(this)));
        _server.AddService(b => Health.BindService(b, new ScriptedHealth(this)));
        _listener.Bind(new UnixDomainSocketEndPoint(socket));
        _listener.Listen();
        _serving = ServeAsync();
    }

    /// <summary>Where the host finds it.</summary>
    public GuestEndpoint Endpoint => _channel == ScriptedChannel.Hybrid
        ? new HybridVsockEndpoint(HostPath.Parse(_socket, "socket"), Port)
        : new SerialEndpoint(HostPath.Parse(_socket, "socket"));

    /// <summary>The version it says it has.</summary>
    public string Version { get; init; } = "4.1.0";

    /// <summary>Like upstream's: output that is unread when the exit code is asked for is lost.</summary>
    public bool DropsUnreadOutput { get; init; } = true;

    /// <summary>Messages for the host about memory kills.</summary>
    public Channel<string> OutOfMemory { get; } = Channel.CreateUnbounded<string>();

    /// <summary>Figures it answers.</summary>
    public StatsContainerResponse Stats { get; set; } = new();

    /// <summary>Everything received so far, in order.</summary>
    public IReadOnlyList<ScriptedCall> Calls
    {
        get
        {
            lock (_gate)
                return [.. _calls];
        }
    }

    /// <summary>Listens on a unix socket that does not exist yet.</summary>
    public static ScriptedAgent Listen(string socket, ScriptedChannel channel = ScriptedChannel.Hybrid) =>
        new(socket, channel);

    /// <summary>The same, with a version and a way with unread output.</summary>
    public static ScriptedAgent Listen(
        string socket, ScriptedChannel channel, string version, bool dropsUnreadOutput) =>
        new(socket, channel) { Version = version, DropsUnreadOutput = dropsUnreadOutput };

    /// <summary>The requests of one method.</summary>
    public IReadOnlyList<T> Requests<T>(string method)
        where T : IMessage =>
        [.. Calls.Where(c => c.Method == method).Select(c => (T)c.Request)];

    /// <summary>Waits for the first call of a method, or gives it at once.</summary>
    public async Task<T> RequestAsync<T>(string method)
        where T : IMessage
    {
        TaskCompletionSource<IMessage> seen;
        lock (_gate)
        {
            if (_calls.FirstOrDefault(c => c.Method == method) is { } call)
                return (T)call.Request;
            seen = new TaskCompletionSource<IMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((method, seen));
        }

        return (T)await seen.Task;
    }

    /// <summary>From now on a method fails like this.</summary>
    public void Fail(string method, StatusCode code, string text) => _failures[method] = new Status(code, text);

    /// <summary>From now on a method works again.</summary>
    public void Mend(string method) => _failures.TryRemove(method, out _);

    /// <summary>From now on a method does not answer until it is released.</summary>
    public void Hold(string method) =>
        _held.TryAdd(method, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>Lets a held method answer.</summary>
    public void Release(string method)
    {
        if (_held.TryRemove(method, out var held))
            held.SetResult();
    }

    /// <summary>A process by container and exec id; the init has the container's id or none.</summary>
    public ScriptedProcess Process(string container, string exec = "") =>
        Find(container, exec) ?? throw new InvalidOperationException($"no process {exec} in {container}");

    /// <summary>Cuts all connections, as a dying guest does.</summary>
    public async Task CutAsync()
    {
        var old = Interlocked.Exchange(ref _connected, new CancellationTokenSource());
        await old.CancelAsync();
        await Task.WhenAll(_connections.Keys);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await CutAsync();
        _listener.Dispose();
        await _serving;
        await _server.DisposeAsync();
        File.Delete(_socket);
    }

    internal async Task PlayAsync(string method, IMessage request)
    {
        TaskCompletionSource<IMessage>[] seen;
        lock (_gate)
        {
            _calls.Add(new ScriptedCall(method, request));
            seen = [.. _waiting.Where(w => w.Method == method).Select(w => w.Seen)];
            _waiting.RemoveAll(w => w.Method == method);
        }

        foreach (var one in seen)
            one.SetResult(request);
        if (_held.TryGetValue(method, out var held))
            await held.Task;
        if (_failures.TryGetValue(method, out var failure))
            throw new RpcException(failure);
    }

    internal ScriptedProcess? Find(string container, string exec) =>
        _processes.GetValueOrDefault((container, exec.Length == 0 ? container : exec));

    internal bool Knows(string container) => _containers.ContainsKey(container);

    internal void AddContainer(string container, bool terminal)
    {
        _containers[container] = true;
        Add(container, container, terminal);
    }

    internal void Add(string container, string exec, bool terminal)
    {
        if (!_processes.TryAdd((container, exec), new ScriptedProcess(terminal)))
            throw new RpcException(new Status(StatusCode.Internal, $"\"process {exec} already exists\""));
    }

    internal void Forget(string container, string exec) =>
        _processes.TryRemove((container, exec.Length == 0 ? container : exec), out _);

    internal void RemoveContainer(string container)
    {
        foreach (var (key, process) in _processes.Where(p => p.Key.Container == container))
        {
            process.Exit(137);
            _processes.TryRemove(key, out _);
        }

        _containers.TryRemove(container, out _);
    }

    internal IEnumerable<ScriptedProcess> ProcessesOf(string container) =>
        _processes.Where(p => p.Key.Container == container).Select(p => p.Value);

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync(_stopping.Token);
                var connection = ServeAsync(socket, _connected.Token);
                _connections[connection] = true;
                _ = connection.ContinueWith(t => _connections.TryRemove(t, out _), TaskScheduler.Default);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken ct)
    {
        try
        {
            if (_channel == ScriptedChannel.Hybrid)
                await AgreeToConnectAsync(socket, ct);
            else
                await AnswerHelloAsync(socket, ct);
            await _server.ServeConnectionAsync(socket, ct);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or EndOfStreamException)
        {
            socket.Dispose();
        }
    }

    private static async Task AgreeToConnectAsync(Socket socket, CancellationToken ct)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (true)
        {
            if (await socket.ReceiveAsync(one, SocketFlags.None, ct) == 0)
                throw new EndOfStreamException();
            if (one[0] == '\n')
                break;
            line.Append((char)one[0]);
        }

        if (line.ToString() != $"CONNECT {Port}")
            throw new EndOfStreamException();
        await socket.SendAsync(Encoding.ASCII.GetBytes("OK 1073741824\n"), SocketFlags.None, ct);
    }

    private static async Task AnswerHelloAsync(Socket socket, CancellationToken ct)
    {
        var hello = new byte[26];
        for (var length = 0; length < hello.Length;)
        {
            var n = await socket.ReceiveAsync(hello.AsMemory(length), SocketFlags.None, ct);
            length += n > 0 ? n : throw new EndOfStreamException();
        }

        if (!hello.AsSpan().StartsWith((ReadOnlySpan<byte>)[255, 255, 255, 255])
            || !hello.AsSpan(4).StartsWith("KATAHX"u8))
            throw new EndOfStreamException();
        await socket.SendAsync(hello, SocketFlags.None, ct);
    }
}
