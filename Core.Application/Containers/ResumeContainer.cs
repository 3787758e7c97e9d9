using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>Lets the processes of a paused container run again.</summary>
public sealed record ResumeContainer(ContainerId Id) : ICommand<Done>;

internal sealed class ResumeContainerHandler(
    LiveSandbox sandbox, ContainerRegistry containers, EventPublisher publisher)
    : IRequestHandler<ResumeContainer, Done>
{
    public async Task<Done> Handle(ResumeContainer request, CancellationToken ct)
    {
        IReadOnlyList<Domain.IDomainEvent> raised;
        using (await containers.Find(new ProcessRef(request.Id)).Gate.EnterAsync(ct))
        {
            containers.Check(request.Id, c => c.Check(ContainerTrigger.GuestResumed));
            // The point of no return: what the guest has done is recorded, whoever has left.
            await sandbox.RequireReady().Agent.ResumeAsync(request.Id, CancellationToken.None);
            raised = containers.Change(request.Id, c => c.RecordResume());
        }

        await publisher.PublishAsync(raised);
        return Done.Value;
    }
}
