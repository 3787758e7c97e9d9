using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.ShimProcess;

/// <summary>
/// Who answers here. Never fails for an unknown container, nor without one (null): a daemon asks this of every shim
/// after its restart, and others ask it to learn the shim's pid.
/// </summary>
public sealed record GetShimIdentity(ContainerId? Id) : IQuery<GetShimIdentityReply>;

/// <summary>Pid of the shim, pid that stands for the container (0 if it is unknown), version.</summary>
public sealed record GetShimIdentityReply(int ShimPid, int TaskPid, string Version);

internal sealed class GetShimIdentityHandler(
    ContainerRegistry containers) : IRequestHandler<GetShimIdentity, GetShimIdentityReply>
{
    public Task<GetShimIdentityReply> Handle(GetShimIdentity request, CancellationToken ct) =>
        Task.FromResult(new GetShimIdentityReply(Environment.ProcessId, PidOf(request.Id), ShimVersion.Text));

    private int PidOf(ContainerId? id)
    {
        try
        {
            return id is null ? 0 : containers.Read(id, c => c.Pid);
        }
        catch (KataException)
        {
            return 0;
        }
    }
}
