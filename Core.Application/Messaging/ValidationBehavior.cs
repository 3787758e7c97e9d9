using FluentValidation;
using Kata.Core.Domain;
using MediatR;

namespace Kata.Core.Application.Messaging;

/// <summary>Refuses a request that breaks its rules, before its handler has done anything.</summary>
internal sealed class ValidationBehavior<TRequest, TReply>(IValidator<TRequest> rules)
    : IPipelineBehavior<TRequest, TReply>
    where TRequest : IRequest<TReply>
    where TReply : class
{
    public Task<TReply> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TReply> next)
    {
        var result = rules.Validate(request);
        return result.IsValid
            ? next()
            : throw new KataException(
                ErrorKind.InvalidArgument, string.Join("; ", result.Errors.Select(error => error.ErrorMessage)));
    }
}
