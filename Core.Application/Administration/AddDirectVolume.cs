using FluentValidation;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>Announces that what a pod will mount from a path is a device, which goes to its guest as it is.</summary>
/// <param name="Volume">The path.</param>
/// <param name="MountInfo">The device and how it is mounted: a JSON document.</param>
public sealed record AddDirectVolume(HostPath Volume, ReadOnlyMemory<byte> MountInfo) : ICommand<Done>;

internal sealed class AddDirectVolumeRules : AbstractValidator<AddDirectVolume>
{
    public AddDirectVolumeRules() => RuleFor(request => request.MountInfo.Length)
        .GreaterThan(0)
        .WithMessage("the mount info is empty; it must be JSON with volume-type, device and fstype");
}

internal sealed class AddDirectVolumeHandler(IDirectVolumes volumes) : IRequestHandler<AddDirectVolume, Done>
{
    public async Task<Done> Handle(AddDirectVolume request, CancellationToken ct)
    {
        await volumes.AddAsync(request.Volume, request.MountInfo, ct);
        return Done.Value;
    }
}
