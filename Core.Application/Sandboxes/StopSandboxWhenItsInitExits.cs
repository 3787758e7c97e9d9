using Kata.Core.Application.Containers;
using Kata.Core.Application.Monitoring;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// A container that made the sandbox takes it along when its init ends, but not before its output has been taken: what
/// is still in the guest would be lost with the machine. A client that never reads is bounded by the delete.
/// </summary>
internal sealed class StopSandboxWhenItsInitExits(
    ContainerRegistry containers, SandboxStopper stopper) : INotificationHandler<ProcessExited>
{
    public async Task Handle(ProcessExited domainEvent, CancellationToken ct)
    {
        if (!domainEvent.Process.IsInit || KindOf(domainEvent.Process.Container) is null or ContainerKind.PodContainer)
            return;
        var watchers = containers.ProcessesOf(domainEvent.Process.Container).Select(process => process.Watcher)
            .OfType<ProcessWatcher>();
        await Task.WhenAll(watchers.Select(watcher => watcher.OutputEnded));
        await stopper.StopAsync();
    }

    private ContainerKind? KindOf(ContainerId id)
    {
        try
        {
            return containers.Read(id, c => c.Kind);
        }
        catch (KataException)
        {
            // Deleted in the meantime: its delete has stopped the sandbox.
            return null;
        }
    }
}
