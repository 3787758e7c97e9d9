using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Messaging;

/// <summary>
/// MediatR, but a reaction that fails stops no other: plain publishing ends at the first that throws.
/// </summary>
internal sealed class EventMediator(ServiceFactory services, ILogger<EventMediator> log) : Mediator(services), ISender
{
    protected override async Task PublishCore(IEnumerable<Task> allHandlers)
    {
        // The sequence is lazy: each step calls one reaction.
        foreach (var reaction in allHandlers)
        {
            try
            {
                await reaction;
            }
            catch (Exception e)
            {
                RequestLog.ReactionFailed(log, e);
            }
        }
    }
}
