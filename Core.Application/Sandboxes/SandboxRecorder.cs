using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Writes what other processes may read of the sandbox; at Ready and when the set of containers changes.
/// </summary>
internal sealed class SandboxRecorder(
    LiveSandbox sandbox, ContainerRegistry containers, ISandboxStore store, TimeProvider time,
    ILogger<SandboxRecorder> log)
    : INotificationHandler<SandboxStarted>, INotificationHandler<ContainerCreated>,
        INotificationHandler<ContainerDeleted>
{
    // One small file on a disk in memory; whoever waits for it has more urgent things to say.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    public Task Handle(SandboxStarted domainEvent, CancellationToken ct) => SaveAsync();

    public Task Handle(ContainerCreated domainEvent, CancellationToken ct) => SaveAsync();

    public Task Handle(ContainerDeleted domainEvent, CancellationToken ct) => SaveAsync();

    /// <summary>
    /// Writes it if the sandbox is Ready. Does not fail: the ledger is what must not be lost, this is for readers.
    /// </summary>
    private async Task SaveAsync()
    {
        if (sandbox.State != SandboxState.Ready || sandbox.Handles is not SandboxHandles.Ready ready)
            return;
        using var bound = new CancellationTokenSource(Bound, time);
        try
        {
            await store.SaveAsync(new SandboxSnapshot
            {
                Sandbox = sandbox.Id,
                Owner = sandbox.Owner,
                State = SandboxState.Ready,
                VmmPid = ready.Vm.ProcessId,
                Hypervisor = ready.Settings.Hypervisor.Name,
                Choices = ready.Vm.Choices,
                Containers = containers.CreatedIds,
            }, bound.Token);
        }
        catch (Exception e)
        {
            BootLog.NotRecorded(log, e.Message);
        }
    }
}
