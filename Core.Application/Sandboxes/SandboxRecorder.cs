using Kata.Core.Application.Live;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Writes what other processes may read of the sandbox; at Ready and when the set of containers changes.</summary>
internal sealed class SandboxRecorder(LiveSandbox sandbox, ContainerRegistry containers, ISandboxStore store, ILogger<SandboxRecorder> log)
{
    public async Task SaveAsync(CancellationToken ct)
    {
        if (sandbox.State != SandboxState.Ready)
            return;
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
            }, ct);
        }
        catch (Kata.Core.Domain.KataException e)
        {
            // The ledger is what must not be lost; this file is for readers.
            BootLog.NotRecorded(log, e.Message);
        }
    }
}
