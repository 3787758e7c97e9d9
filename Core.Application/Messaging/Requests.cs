using MediatR;

namespace Kata.Core.Application.Messaging;

/// <summary>
/// A request that changes something. Its reply is a class, since value types cannot be dispatched under NativeAOT.
/// </summary>
public interface ICommand<out TReply> : IRequest<TReply>
    where TReply : class;

/// <summary>A request that changes nothing.</summary>
public interface IQuery<out TReply> : IRequest<TReply>
    where TReply : class;

/// <summary>
/// Marks a request that has no deadline of its own: it waits for the world, or carries a budget from the settings.
/// </summary>
public interface IUnbounded;

/// <summary>The reply that says nothing.</summary>
public sealed class Done
{
    private Done()
    {
    }

    /// <summary>The one value.</summary>
    public static readonly Done Value = new();
}
