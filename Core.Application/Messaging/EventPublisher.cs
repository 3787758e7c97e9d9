using Kata.Core.Domain;
using MediatR;

namespace Kata.Core.Application.Messaging;

/// <summary>
/// Hands events to the reactions, in order. Called with no lock and no gate held, since reactions send commands.
/// </summary>
internal sealed class EventPublisher(IMediator mediator)
{
    public async Task PublishAsync(IReadOnlyList<IDomainEvent> raised)
    {
        foreach (var domainEvent in raised)
            await mediator.Publish(domainEvent, CancellationToken.None);
    }
}
