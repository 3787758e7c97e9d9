using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness.Agent;

/// <summary>Connects to the agent of a machine in memory.</summary>
public sealed class HarnessConnector(HarnessHost host) : IGuestAgentConnector
{
    /// <inheritdoc/>
    public async Task<IGuestAgent> ConnectAsync(GuestEndpoint endpoint, CancellationToken ct)
    {
        await host.EnterAsync("agent.connect", ct);
        var machine = host.Machine
            ?? throw new KataException(ErrorKind.InvalidArgument, $"nobody listens at {endpoint}");
        await host.Time.Delay(machine.Guest.BootTime, ct);

        // An agent that hangs is tried for as long as the caller has time.
        if (!machine.Guest.Answers || machine.Guest.IsStopped)
            await host.HangAsync("agent.connect", ct);
        return machine.Guest.Connect();
    }
}

/// <summary>A connection to the agent of a machine in memory.</summary>
public sealed class HarnessAgent : IGuestAgent
{
    // As the real client has it.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly HarnessGuest _guest;
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _lost = new();
    private readonly Channel<ContainerId> _outOfMemory = HarnessChannel.Unbounded<ContainerId>();

    internal HarnessAgent(HarnessGuest guest) => _guest = guest;

    /// <inheritdoc/>
    public Task<string> Closed => _closed.Task;

    /// <inheritdoc/>
    public Task CheckAsync(CancellationToken ct) => CallAsync("agent.check", () => 0, ct);

    /// <inheritdoc/>
    public Task<GuestDetails> OpenAsync(GuestSandboxSpec spec, CancellationToken ct) => CallAsync("agent.open", () =>
    {
        _guest.Sandbox = spec;
        return new GuestDetails("harness", 0, true, true);
    }, ct);

    /// <inheritdoc/>
    public async Task CloseAsync(CancellationToken ct)
    {
        await CallAsync("agent.close", () => 0, ct);
        _guest.PowerOff();
    }

    /// <inheritdoc/>
    public Task OnlineResourcesAsync(VmResources reached, CancellationToken ct) =>
        DoAsync("agent.online", () => _guest.Online(reached), ct);

    /// <inheritdoc/>
    public Task ApplyNetworkAsync(GuestNetworkSpec network, CancellationToken ct) =>
        DoAsync("agent.network", () => _guest.Apply(network), ct);

    /// <inheritdoc/>
    public async Task RelayPortAsync(int port, ILocalConnection connection, CancellationToken ct)
    {
        await CallAsync("agent.relay-port", () => 0, ct);
        if (!_guest.EchoPorts.Contains(port))
            throw new KataException(ErrorKind.Unavailable, $"guest: nobody listens at {port}");
        await connection.Bytes.CopyToAsync(connection.Bytes, ct);
        connection.EndOutput();
    }

    /// <inheritdoc/>
    public Task<Task> ServeNamesAsync(NameAnswerer answer, CancellationToken ct) => CallAsync("agent.serve-names", () =>
    {
        _guest.Names = answer;
        return (Task)_closed.Task;
    }, ct);

    /// <inheritdoc/>
    public Task ResizeEphemeralMountsAsync(IReadOnlyList<GuestMount> mounts, CancellationToken ct) =>
        DoAsync("agent.ephemeral", () => _guest.ResizedMounts = mounts, ct);

    /// <inheritdoc/>
    public Task<VolumeUsage> VolumeUsageAsync(GuestPath path, CancellationToken ct) =>
        CallAsync("agent.volume-usage", () => new VolumeUsage(0, 0, 0, 0, 0, 0), ct);

    /// <inheritdoc/>
    public Task ResizeVolumeAsync(GuestPath path, long bytes, CancellationToken ct) =>
        DoAsync("agent.resize-volume", () => { }, ct);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ContainerId> OutOfMemoryAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var container in _outOfMemory.Reader.ReadAllAsync(ct))
            yield return container;
    }

    /// <inheritdoc/>
    public Task CreateAsync(GuestContainerSpec spec, CancellationToken ct) =>
        DoAsync("agent.create", () => _guest.Add(spec), ct);

    /// <inheritdoc/>
    public Task StartAsync(ContainerId id, CancellationToken ct) =>
        DoAsync("agent.start", () => _guest.Find(id).Start(), ct);

    /// <inheritdoc/>
    public Task PauseAsync(ContainerId id, CancellationToken ct) =>
        DoAsync("agent.pause", () => _guest.Find(id).Pause(), ct);

    /// <inheritdoc/>
    public Task ResumeAsync(ContainerId id, CancellationToken ct) =>
        DoAsync("agent.resume", () => _guest.Find(id).Resume(), ct);

    /// <inheritdoc/>
    public Task UpdateAsync(ContainerId id, OciResources resources, CancellationToken ct) =>
        DoAsync("agent.update", () => _guest.Find(id).Update(resources), ct);

    /// <inheritdoc/>
    public Task<ContainerStats> StatsAsync(ContainerId id, CancellationToken ct) => CallAsync("agent.stats", () =>
    {
        _guest.Find(id);
        return new ContainerStats { Pids = 1 };
    }, ct);

    /// <inheritdoc/>
    public Task RemoveAsync(ContainerId id, CancellationToken ct) =>
        DoAsync("agent.remove", () => _guest.Remove(id), ct);

    /// <inheritdoc/>
    public Task ExecAsync(ProcessRef process, OciProcess spec, CancellationToken ct) =>
        DoAsync("agent.exec", () => _guest.Find(process.Container).Exec(process, spec), ct);

    /// <inheritdoc/>
    public Task SignalAsync(ProcessRef process, Signal signal, bool all, CancellationToken ct) =>
        DoAsync("agent.signal", () => _guest.Find(process.Container).Signal(process, signal, all), ct);

    /// <inheritdoc/>
    public async Task<int> WaitAsync(ProcessRef process, CancellationToken ct)
    {
        var found = await CallAsync("agent.wait", () => _guest.Process(process), ct);
        return await UnlessLostAsync(async limit =>
        {
            var exit = await found.Exit.WaitAsync(limit);
            if (!_guest.TellsExits)
                await _guest.Host.HangAsync("agent.wait", limit);
            return exit;
        }, ct);
    }

    /// <inheritdoc/>
    public Task ResizeAsync(ProcessRef process, TerminalSize size, CancellationToken ct) =>
        DoAsync("agent.resize", () => _guest.Process(process).Size = size, ct);

    /// <inheritdoc/>
    public async ValueTask<int> ReadAsync(
        ProcessRef process, GuestStream stream, Memory<byte> buffer, CancellationToken ct)
    {
        var held = _guest.Host.Enter("agent.read");
        return await UnlessLostAsync(async limit =>
        {
            await _guest.Host.StandAsync(held, limit);
            return await Find(process).Output(stream).ReadAsync(buffer, limit);
        }, ct);
    }

    /// <inheritdoc/>
    public async ValueTask WriteAsync(ProcessRef process, ReadOnlyMemory<byte> data, CancellationToken ct) =>
        await UnlessLostAsync(async limit =>
        {
            try
            {
                await Find(process).Input.WriteAsync(data, limit);
                return 0;
            }
            catch (IOException e)
            {
                throw new KataException(ErrorKind.NotFound, "guest: the input is closed", e);
            }
        }, ct);

    /// <inheritdoc/>
    public Task CloseStdinAsync(ProcessRef process, CancellationToken ct) =>
        DoAsync("agent.close-stdin", () => Find(process).Input.Close(), ct);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Lose("closed by us");
        return ValueTask.CompletedTask;
    }

    internal void TellOutOfMemory(ContainerId container) => _outOfMemory.Writer.TryWrite(container);

    internal void Lose(string reason)
    {
        if (!_closed.TrySetResult(reason))
            return;
        _outOfMemory.Writer.TryComplete();
        _lost.Cancel();
    }

    private GuestProcess Find(ProcessRef process) => _guest.Find(process.Container).Find(process);

    private Task DoAsync(string call, Action act, CancellationToken ct) => CallAsync(call, () =>
    {
        act();
        return 0;
    }, ct);

    private Task<T> CallAsync<T>(string call, Func<T> answer, CancellationToken ct) => UnlessLostAsync(async limit =>
    {
        limit.ThrowIfCancellationRequested();
        var held = _guest.Host.Enter(call);
        limit.ThrowIfCancellationRequested();
        if (held is { Kind: FaultKind.Slow })
            await _guest.Host.StandAsync(held, limit);
        if (held is not { Kind: FaultKind.Hang } && _guest.Answers)
            return answer();
        using var deadline = new CancellationTokenSource(Deadline, _guest.Host.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit, deadline.Token);
        try
        {
            await _guest.Host.HangAsync(call, either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded, $"the guest did not answer {call} within {Deadline.TotalSeconds:0} s");
        }

        throw new InvalidOperationException("unreachable");
    }, ct);

    private async Task<T> UnlessLostAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, _lost.Token);
        try
        {
            return await call(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.Unavailable,
                $"the agent's connection is gone: {(_closed.Task.IsCompleted ? _closed.Task.Result : "")}");
        }
    }
}
