using FluentValidation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>Lets a direct-assigned volume that a running pod uses grow to a size in bytes.</summary>
public sealed record ResizeDirectVolume(HostPath Volume, long Bytes) : ICommand<Done>;

internal sealed class ResizeDirectVolumeRules : AbstractValidator<ResizeDirectVolume>
{
    public ResizeDirectVolumeRules() => RuleFor(request => request.Bytes).IsVolumeSize();
}

internal sealed class ResizeDirectVolumeHandler(IDirectVolumes volumes, IShimManagement shims)
    : IRequestHandler<ResizeDirectVolume, Done>
{
    public async Task<Done> Handle(ResizeDirectVolume request, CancellationToken ct)
    {
        await shims.ResizeVolumeAsync(
            await volumes.RequireUserAsync(request.Volume, ct), request.Volume, request.Bytes, ct);
        return Done.Value;
    }
}
