using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>Turns the guest's OOM events into domain events; ends with the agent's connection.</summary>
internal sealed class OomWatcher(
    LiveSandbox sandbox, ContainerRegistry containers, ISender sender, ILogger<OomWatcher> log)
    : INotificationHandler<SandboxStarted>
{
    private bool _toldUnknown;

    /// <summary>Begins to watch.</summary>
    public Task Handle(SandboxStarted domainEvent, CancellationToken ct)
    {
        if (sandbox.Handles is SandboxHandles.Ready ready)
            _ = WatchAsync(ready.Agent);
        return Task.CompletedTask;
    }

    private async Task WatchAsync(IGuestAgent agent)
    {
        try
        {
            await foreach (var container in agent.OutOfMemoryAsync(CancellationToken.None))
                await RecordAsync(container);
        }
        catch (KataException e)
        {
            BootLog.OomWatchEnded(log, e.Message);
        }
    }

    private async Task RecordAsync(ContainerId container)
    {
        // The guest can make up names without end: a refusal of each would fill the host's log.
        if (containers.All.All(live => live.Aggregate.Id != container))
        {
            if (!_toldUnknown)
                WatchLog.UnknownOutOfMemory(log, container);
            _toldUnknown = true;
            return;
        }

        try
        {
            await sender.Send(new RecordOutOfMemory(container), CancellationToken.None);
        }
        catch (KataException)
        {
            // Deleted in the meantime, which does not end the watch.
        }
    }
}
