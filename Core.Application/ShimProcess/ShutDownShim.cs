using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using MediatR;

namespace Kata.Core.Application.ShimProcess;

/// <summary>
/// Ends this shim if no container is left, or in any case with <paramref name="Now"/>. Answered at once; the sandbox's
/// end and the last events follow, each bounded, before <see cref="ShimLifetime.Ended"/>.
/// </summary>
public sealed record ShutDownShim(bool Now) : ICommand<ShutDownShimReply>;

/// <summary>Whether it will end.</summary>
public sealed record ShutDownShimReply(bool WillEnd);

internal sealed class ShutDownShimHandler(
    ContainerRegistry containers, ShimLifetime lifetime) : IRequestHandler<ShutDownShim, ShutDownShimReply>
{
    public Task<ShutDownShimReply> Handle(ShutDownShim request, CancellationToken ct)
    {
        if (request.Now)
        {
            foreach (var live in containers.All)
                live.CancelCreation();
        }

        var willEnd = request.Now || containers.IsEmpty;
        if (willEnd)
            lifetime.BeginEnd();
        return Task.FromResult(new ShutDownShimReply(willEnd));
    }
}
