using Kata.Core.Application.Live;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>Changes the limits of a container that is created, running or paused.</summary>
public sealed record UpdateContainer(ContainerId Id, ReadOnlyMemory<byte> ResourcesJson) : ICommand<Done>;

internal sealed class UpdateContainerHandler(LiveSandbox sandbox, ContainerRegistry containers, IBundleReader bundles)
    : IRequestHandler<UpdateContainer, Done>
{
    public async Task<Done> Handle(UpdateContainer request, CancellationToken ct)
    {
        var resources = bundles.ReadResources(request.ResourcesJson);
        using (await containers.Find(new ProcessRef(request.Id)).Gate.EnterAsync(ct))
        {
            var state = containers.Read(request.Id, c => c.State);
            if (state is not (ContainerState.Created or ContainerState.Running or ContainerState.Paused))
                throw ContainerErrors.NotRunning(request.Id, state);
            await sandbox.RequireAgent().UpdateAsync(request.Id, GuestSpec.Narrow(resources), ct);
        }

        return Done.Value;
    }
}
