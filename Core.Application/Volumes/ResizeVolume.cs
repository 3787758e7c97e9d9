using FluentValidation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Volumes;

/// <summary>Lets a direct-assigned volume grow to a size in bytes: first the disk, then the filesystem on it.</summary>
public sealed record ResizeVolume(HostPath Volume, long Bytes) : ICommand<Done>;

internal sealed class ResizeVolumeRules : AbstractValidator<ResizeVolume>
{
    public ResizeVolumeRules() => RuleFor(request => request.Bytes).IsVolumeSize();
}

internal sealed class ResizeVolumeHandler(
    LiveSandbox sandbox, BlockAttachments blocks) : IRequestHandler<ResizeVolume, Done>
{
    public async Task<Done> Handle(ResizeVolume request, CancellationToken ct)
    {
        var ready = sandbox.RequireReady();
        var (disk, mountPoint) = await blocks.FindAsync(ready, request.Volume, ct);
        if (ready.Vm.Hotplug is { } hotplug)
            await hotplug.ResizeAsync(disk, request.Bytes, ct);
        await ready.Agent.ResizeVolumeAsync(mountPoint, request.Bytes, ct);
        return Done.Value;
    }
}
