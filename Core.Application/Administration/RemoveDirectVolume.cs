using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>Takes the announcement of a direct-assigned volume back. None is success.</summary>
public sealed record RemoveDirectVolume(HostPath Volume) : ICommand<Done>;

internal sealed class RemoveDirectVolumeHandler(IDirectVolumes volumes) : IRequestHandler<RemoveDirectVolume, Done>
{
    public async Task<Done> Handle(RemoveDirectVolume request, CancellationToken ct)
    {
        await volumes.RemoveAsync(request.Volume, ct);
        return Done.Value;
    }
}
