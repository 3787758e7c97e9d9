using Kata.Core.Application.Ports;
using Kata.Core.Domain.Storage;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    public Task ResizeEphemeralMountsAsync(IReadOnlyList<GuestMount> mounts, CancellationToken ct)
    {
        var request = new Proto.UpdateEphemeralMountsRequest();
        request.Storages.AddRange(mounts.Select(AgentMapping.ToProto));
        return CallAsync("UpdateEphemeralMounts", o => _agent.UpdateEphemeralMountsAsync(request, o), ct);
    }

    public async Task<VolumeUsage> VolumeUsageAsync(GuestPath path, CancellationToken ct)
    {
        var request = new Proto.VolumeStatsRequest { VolumeGuestPath = path.Value };
        var answer = await CallAsync("GetVolumeStats", o => _agent.GetVolumeStatsAsync(request, o), ct);
        var bytes = answer.Usage.FirstOrDefault(u => u.Unit == Proto.VolumeUsage.Types.Unit.Bytes) ?? new();
        var inodes = answer.Usage.FirstOrDefault(u => u.Unit == Proto.VolumeUsage.Types.Unit.Inodes) ?? new();
        return new VolumeUsage(
            Bound(bytes.Total), Bound(bytes.Available), Bound(bytes.Used), Bound(inodes.Total), Bound(inodes.Available),
            Bound(inodes.Used));
    }

    public Task ResizeVolumeAsync(GuestPath path, long bytes, CancellationToken ct)
    {
        var request = new Proto.ResizeVolumeRequest { VolumeGuestPath = path.Value, Size = (ulong)bytes };
        return CallAsync("ResizeVolume", o => _agent.ResizeVolumeAsync(request, o), ct);
    }

    private static long Bound(ulong value) => (long)Math.Min(value, long.MaxValue);
}
