using System.Diagnostics.CodeAnalysis;
using FluentValidation;
using Kata.Core.Domain;
using MediatR;
using Microsoft.Extensions.DependencyInjection;

namespace Kata.Core.Application.Messaging;

/// <summary>Registers handlers closed and by name: nothing is scanned, so nothing is trimmed away.</summary>
internal static class UseCaseRegistration
{
    public static IServiceCollection AddUseCase<TRequest, TReply,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
            this IServiceCollection services)
        where TRequest : class, IRequest<TReply>
        where TReply : class
        where THandler : class, IRequestHandler<TRequest, TReply>
    {
        services.AddSingleton<IRequestHandler<TRequest, TReply>, THandler>();
        return services.AddSingleton<IPipelineBehavior<TRequest, TReply>, RequestBehavior<TRequest, TReply>>();
    }

    /// <summary>A use case whose requests are judged first. The line of the request tells of a refusal too.</summary>
    public static IServiceCollection AddUseCase<TRequest, TReply,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TRules>(
            this IServiceCollection services)
        where TRequest : class, IRequest<TReply>
        where TReply : class
        where THandler : class, IRequestHandler<TRequest, TReply>
        where TRules : class, IValidator<TRequest> => services
        .AddUseCase<TRequest, TReply, THandler>()
        .AddSingleton<IValidator<TRequest>, TRules>()
        .AddSingleton<IPipelineBehavior<TRequest, TReply>, ValidationBehavior<TRequest, TReply>>();

    public static IServiceCollection AddReaction<TEvent,
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
            this IServiceCollection services)
        where TEvent : class, IDomainEvent
        where THandler : class, INotificationHandler<TEvent>
        => services.AddSingleton<INotificationHandler<TEvent>, THandler>();
}
