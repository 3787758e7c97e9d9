using Kata.Core.Domain;
using MediatR;

namespace Kata.Core.Application.Live;

/// <summary>
/// Hands facts to the reactions, in order. Called with no lock and no gate held, since reactions send commands.
/// </summary>
internal sealed class FactPublisher(IMediator mediator)
{
    public async Task PublishAsync(IReadOnlyList<IDomainEvent> facts)
    {
        foreach (var fact in facts)
            await mediator.Publish(fact, CancellationToken.None);
    }
}
