using Grpc.Core;
using Kata.Core.Application.Ports;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>The agent of one guest over one ttRPC connection, which all calls share.</summary>
internal sealed partial class TtrpcAgent : IGuestAgent
{
    private readonly Proto.AgentService.AgentServiceClient _agent;
    private readonly Proto.Health.HealthClient _health;
    private readonly Proto.PortForward.PortForwardClient _ports;
    private readonly Proto.NameRelay.NameRelayClient _names;
    private readonly AgentCall _call;
    private readonly ProcessStreams _streams = new();
    private readonly IAsyncDisposable _connection;
    private readonly TimeProvider _time;
    private volatile bool _keepsUnreadOutput;
    private volatile bool _isClosing;

    /// <param name="invoker">Sends the calls.</param>
    /// <param name="closed">Completes with the reason when the connection has ended.</param>
    /// <param name="connection">What is disposed with the agent.</param>
    /// <param name="time">For deadlines.</param>
    public TtrpcAgent(CallInvoker invoker, Task<string> closed, IAsyncDisposable connection, TimeProvider time)
    {
        _agent = new Proto.AgentService.AgentServiceClient(invoker);
        _health = new Proto.Health.HealthClient(invoker);
        _ports = new Proto.PortForward.PortForwardClient(invoker);
        _names = new Proto.NameRelay.NameRelayClient(invoker);
        _call = new AgentCall(time);
        _connection = connection;
        _time = time;
        Closed = closed;
    }

    public Task<string> Closed { get; }

    public ValueTask DisposeAsync()
    {
        _isClosing = true;
        return _connection.DisposeAsync();
    }

    private Task<T> CallAsync<T>(
        string request, Func<CallOptions, AsyncUnaryCall<T>> send, CancellationToken ct, string? program = null) =>
        _call.RunAsync(request, send, AgentDeadlines.Call, ct, program);
}
