using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>Freezes the processes of a container; the machine runs on.</summary>
public sealed record PauseContainer(ContainerId Id) : ICommand<Done>;

internal sealed class PauseContainerHandler(LiveSandbox sandbox, ContainerRegistry containers, EventPublisher publisher)
    : IRequestHandler<PauseContainer, Done>
{
    public async Task<Done> Handle(PauseContainer request, CancellationToken ct)
    {
        IReadOnlyList<Domain.IDomainEvent> raised;
        using (await containers.Find(new ProcessRef(request.Id)).Gate.EnterAsync(ct))
        {
            containers.Check(request.Id, c => c.Check(ContainerTrigger.GuestPaused));
            // The point of no return: what the guest has done is recorded, whoever has left.
            await sandbox.RequireReady().Agent.PauseAsync(request.Id, CancellationToken.None);
            raised = containers.Change(request.Id, c => c.RecordPause());
        }

        await publisher.PublishAsync(raised);
        return Done.Value;
    }
}
