using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Volumes;

/// <summary>How full a direct-assigned volume is, by the path on the host that it was announced for.</summary>
public sealed record GetVolumeUsage(HostPath Volume) : IQuery<VolumeUsage>;

internal sealed class GetVolumeUsageHandler(
    LiveSandbox sandbox, BlockAttachments blocks) : IRequestHandler<GetVolumeUsage, VolumeUsage>
{
    public async Task<VolumeUsage> Handle(GetVolumeUsage request, CancellationToken ct)
    {
        var ready = sandbox.RequireReady();
        var (_, mountPoint) = await blocks.FindAsync(ready, request.Volume, ct);
        return await ready.Agent.VolumeUsageAsync(mountPoint, ct);
    }
}
