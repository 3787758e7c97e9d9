using Kata.Core.Application.Live;
using Kata.Core.Application.Messaging;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>Lets the processes of a paused container run again.</summary>
public sealed record ResumeContainer(ContainerId Id) : ICommand<Done>;

internal sealed class ResumeContainerHandler(LiveSandbox sandbox, ContainerRegistry containers, FactPublisher publisher)
    : IRequestHandler<ResumeContainer, Done>
{
    public async Task<Done> Handle(ResumeContainer request, CancellationToken ct)
    {
        IReadOnlyList<Domain.IDomainEvent> facts;
        using (await containers.Find(new ProcessRef(request.Id)).Gate.EnterAsync(ct))
        {
            containers.Check(request.Id, c => c.Check(ContainerTrigger.GuestResumed));
            await sandbox.RequireAgent().ResumeAsync(request.Id, ct);
            facts = containers.Change(request.Id, c => c.RecordResume());
        }

        await publisher.PublishAsync(facts);
        return Done.Value;
    }
}
