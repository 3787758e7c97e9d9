using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>The guest's kernel killed a process of a container for lack of memory.</summary>
public sealed record RecordOutOfMemory(ContainerId Container) : ICommand<Done>;

internal sealed class RecordOutOfMemoryHandler(
    ContainerRegistry containers, EventPublisher publisher) : IRequestHandler<RecordOutOfMemory, Done>
{
    public async Task<Done> Handle(RecordOutOfMemory request, CancellationToken ct)
    {
        await publisher.PublishAsync(containers.Change(request.Container, c => c.RecordOutOfMemory()));
        return Done.Value;
    }
}
