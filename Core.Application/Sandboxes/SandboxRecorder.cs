using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Writes what other processes may read of the sandbox; at Ready and when the set of containers changes.
/// </summary>
internal sealed class SandboxRecorder(
    LiveSandbox sandbox, ContainerRegistry containers, ISandboxStore store, TimeProvider time,
    ILogger<SandboxRecorder> log)
{
    // One small file on a disk in memory; whoever waits for it has more urgent things to say.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Writes it if the sandbox is Ready. Does not fail: the ledger is what must not be lost, this is for readers.
    /// </summary>
    public async Task SaveAsync()
    {
        if (sandbox.State != SandboxState.Ready)
            return;
        using var bound = new CancellationTokenSource(Bound, time);
        try
        {
            await store.SaveAsync(new SandboxSnapshot
            {
                Sandbox = sandbox.Id,
                Owner = sandbox.Owner,
                State = sandbox.State,
                VmmPid = sandbox.Machine?.ProcessId ?? 0,
                Hypervisor = sandbox.Settings?.Hypervisor.Name ?? "",
                Choices = sandbox.Machine?.Choices ?? "",
                Containers = containers.CreatedIds,
            }, bound.Token);
        }
        catch (Exception e)
        {
            BootLog.NotRecorded(log, e.Message);
        }
    }
}
