using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>How full a direct-assigned volume is that a running pod uses.</summary>
public sealed record GetDirectVolumeUsage(HostPath Volume) : IQuery<GetDirectVolumeUsageReply>;

/// <summary>The JSON document that storage plugins read.</summary>
public sealed record GetDirectVolumeUsageReply(string Json);

internal sealed class GetDirectVolumeUsageHandler(IDirectVolumes volumes, IShimManagement shims)
    : IRequestHandler<GetDirectVolumeUsage, GetDirectVolumeUsageReply>
{
    public async Task<GetDirectVolumeUsageReply> Handle(GetDirectVolumeUsage request, CancellationToken ct) =>
        new(await shims.GetVolumeUsageAsync(
            await volumes.RequireUserAsync(request.Volume, ct), request.Volume, ct));
}

internal static class DirectVolumeUsers
{
    /// <summary>The sandbox that uses a volume.</summary>
    public static async Task<SandboxId> RequireUserAsync(
        this IDirectVolumes volumes, HostPath volume, CancellationToken ct) =>
        await volumes.FindUserAsync(volume, ct)
            ?? throw new KataException(ErrorKind.NotFound, $"no running pod uses a direct volume of {volume}");
}
