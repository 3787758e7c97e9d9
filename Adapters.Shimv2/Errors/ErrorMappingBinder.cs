using Grpc.Core;
using Kata.Core.Domain;

namespace Kata.Adapters.Shimv2.Errors;

/// <summary>Binds unary methods so that a failure with a kind is answered with its status.</summary>
internal sealed class ErrorMappingBinder(ServiceBinderBase inner) : ServiceBinderBase
{
    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        inner.AddMethod<TRequest, TResponse>(method, async (request, context) =>
        {
            try
            {
                return await handler!(request, context);
            }
            catch (KataException failure)
            {
                throw StatusMapping.ToRpc(failure);
            }
        });
}
