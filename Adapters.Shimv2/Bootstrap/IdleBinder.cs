using Grpc.Core;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// Binds unary methods so that the shim is not idle while they run; <c>Wait</c> lasts as long as a container.
/// </summary>
internal sealed class IdleBinder(ServiceBinderBase inner, IdleMemory memory) : ServiceBinderBase
{
    /// <inheritdoc/>
    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
        inner.AddMethod(
            method,
            method.Name == "Wait" ? handler : (request, context) => memory.BusyAsync(() => handler!(request, context)));
}
