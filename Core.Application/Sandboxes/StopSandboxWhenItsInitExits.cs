using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// A container that made the sandbox takes it along when its init ends, but not before its output has been taken: what
/// is still in the guest would be lost with the machine. A client that never reads is bounded by the delete.
/// </summary>
internal sealed class StopSandboxWhenItsInitExits(
    ContainerRegistry containers, ISender sender) : INotificationHandler<ProcessExited>
{
    public async Task Handle(ProcessExited domainEvent, CancellationToken ct)
    {
        if (!domainEvent.Process.IsInit
            || containers.KindOf(domainEvent.Process.Container) is null or ContainerKind.PodContainer)
            return;
        var outputs = containers.ProcessesOf(domainEvent.Process.Container).Select(process => process.Output)
            .OfType<IProcessOutput>();
        await Task.WhenAll(outputs.Select(output => output.Ended));
        await sender.Send(new StopSandbox(), CancellationToken.None);
    }
}
