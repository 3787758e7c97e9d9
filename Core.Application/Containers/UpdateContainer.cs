using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Changes the limits of a container that is created, running or paused, and the machine's size with them.
/// </summary>
public sealed record UpdateContainer(ContainerId Id, ReadOnlyMemory<byte> ResourcesJson) : ICommand<Done>;

internal sealed class UpdateContainerHandler(
    LiveSandbox sandbox, ContainerRegistry containers, IBundleReader bundles, SandboxSizer sizer)
    : IRequestHandler<UpdateContainer, Done>
{
    public async Task<Done> Handle(UpdateContainer request, CancellationToken ct)
    {
        var update = bundles.ReadResources(request.ResourcesJson);
        ResourceRules.Check(update, Environment.ProcessorCount);
        update = ResourceRules.TranslateUnified(update);
        using (await containers.Find(new ProcessRef(request.Id)).Gate.EnterAsync(ct))
        {
            var (state, kind) = containers.Read(request.Id, c => (c.State, c.Kind));
            if (state is not (ContainerState.Created or ContainerState.Running or ContainerState.Paused))
                throw ContainerErrors.NotRunning(request.Id, state);
            var live = containers.Find(request.Id);
            var before = live.Limits ?? new OciResources();
            var after = ResourceRules.Merge(before, update);
            var ready = sandbox.RequireReady();
            if (kind == ContainerKind.PodSandbox)
                await ready.Agent.UpdateAsync(request.Id, GuestSpec.Narrow(update, CpuList.Empty), ct);
            else
                await ResizeAsync(ready, request.Id, update, before, after, ct);
            live.Limits = after;
        }

        return Done.Value;
    }

    // Room first, so that the guest never tells a container of memory that is not there.
    private async Task ResizeAsync(
        SandboxHandles.Ready ready, ContainerId id, OciResources update, OciResources before, OciResources after,
        CancellationToken ct)
    {
        var vcpus = await sizer.ReserveAsync(ready, id, after, ct);
        try
        {
            await ready.Agent.UpdateAsync(id, GuestSpec.Narrow(update, vcpus), ct);
        }
        catch
        {
            await sizer.ReserveAsync(ready, id, before, CancellationToken.None);
            throw;
        }

        await sizer.ShrinkAsync(ready, ct);
    }
}
