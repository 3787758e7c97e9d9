using Kata.Adapters.Qemu.Channels;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Qemu;

/// <summary>One QEMU process and one QMP session with it.</summary>
internal sealed class QemuMachine : IVirtualMachine
{
    private readonly SandboxId _sandbox;
    private readonly SupervisedProcess _process;
    private readonly QemuControl _control;
    private readonly GuestChannelSetup _channel;
    private readonly StateSocket _monitor;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Task _watch;
    private Task? _released;

    public QemuMachine(
        SandboxId sandbox, SupervisedProcess process, QemuControl control, GuestChannelSetup channel,
        StateSocket monitor, string choices, ILogger logger)
    {
        _sandbox = sandbox;
        _process = process;
        _control = control;
        _channel = channel;
        _monitor = monitor;
        _logger = logger;
        Choices = choices;
        Exited = DescribeExitAsync();
        _watch = WatchAsync();
    }

    public int ProcessId => _process.ProcessId;

    public GuestEndpoint Guest => _channel.Endpoint;

    public string Choices { get; }

    public Task<VmExit> Exited { get; }

    public TimeSpan KeptWaiting => Exited.IsCompleted ? TimeSpan.Zero : ProcFs.LongestRunDelay(ProcessId);

    public IDeviceHotplug? Hotplug { get; init; }

    public IVmResize? Resize { get; init; }

    public IReadOnlyList<string> ErrorTail => _process.Errors.Lines;

    public IReadOnlyList<string> ConsoleTail => _process.Output.Lines;

    public async Task<IReadOnlyList<int>> ReadVcpuThreadsAsync(CancellationToken ct)
    {
        var cpus = await _control.ExecuteAsync("query-cpus-fast", "tell its vCPUs", ct);
        return [.. cpus.EnumerateArray().Select(cpu => cpu.GetProperty("thread-id").GetInt32())];
    }

    public Task PauseAsync(CancellationToken ct) => _control.ExecuteAsync("stop", "stop the vCPUs", ct);

    public Task ResumeAsync(CancellationToken ct) => _control.ExecuteAsync("cont", "let the vCPUs run", ct);

    public async Task StopAsync(TimeSpan grace, CancellationToken ct)
    {
        await _process.StopAsync(grace, ct);
        await Exited;
        Task released;
        lock (_gate)
            released = _released ??= ReleaseAsync();
        await released;
    }

    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero, new CancellationToken(canceled: true));

    /// <summary>A process's end as the core knows it; null if it was lost sight of.</summary>
    public static VmmEnd? EndOf(ProcessExit exit) =>
        exit == ProcessExit.Unknown
            ? null
            : exit.Signal != 0 ? new VmmEnd(null, exit.Signal) : new VmmEnd(exit.Code, null);

    private async Task<VmExit> DescribeExitAsync()
    {
        var exit = await _process.Exited;
        return new VmExit(EndOf(exit.Exit), exit.At);
    }

    private async Task ReleaseAsync()
    {
        await _control.DisposeAsync();
        await _channel.ReleaseAsync();
        _monitor.Release();
        await _watch;
    }

    private async Task WatchAsync()
    {
        var exit = await Exited;
        _logger.Ended(_sandbox, exit.End?.ToString() ?? "a status that was lost");
        foreach (var line in _process.Errors.Lines)
            _logger.Said(_sandbox, line);
    }
}
