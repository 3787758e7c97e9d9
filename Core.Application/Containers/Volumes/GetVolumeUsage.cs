using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Containers.Volumes;

/// <summary>How full a direct-assigned volume is, by the path on the host that it was announced for.</summary>
public sealed record GetVolumeUsage(HostPath Volume) : IQuery<VolumeUsage>;

internal sealed class GetVolumeUsageHandler(
    LiveSandbox sandbox, BlockAttachments blocks) : IRequestHandler<GetVolumeUsage, VolumeUsage>
{
    public async Task<VolumeUsage> Handle(GetVolumeUsage request, CancellationToken ct) =>
        await sandbox.RequireAgent().VolumeUsageAsync((await blocks.FindAsync(request.Volume, ct)).MountPoint, ct);
}
