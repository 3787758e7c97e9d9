using Kata.Core.Application.Ports;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Storage;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    public async Task ApplyNetworkAsync(GuestNetworkSpec network, CancellationToken ct)
    {
        foreach (var link in network.Interfaces)
        {
            var request = new Proto.UpdateInterfaceRequest { Interface = NetworkMapping.ToProto(link) };
            await CallAsync("UpdateInterface", o => _agent.UpdateInterfaceAsync(request, o), ct);
        }

        if (network.Routes.Count > 0)
        {
            var request = new Proto.UpdateRoutesRequest { Routes = new Proto.Routes() };
            request.Routes.Routes_.AddRange(network.Routes.Select(NetworkMapping.ToProto));
            await CallAsync("UpdateRoutes", o => _agent.UpdateRoutesAsync(request, o), ct);
        }

        if (network.Neighbours.Count > 0)
        {
            var request = new Proto.AddARPNeighborsRequest { Neighbors = new Proto.ARPNeighbors() };
            request.Neighbors.ARPNeighbors_.AddRange(network.Neighbours.Select(NetworkMapping.ToProto));
            await CallAsync("AddARPNeighbors", o => _agent.AddARPNeighborsAsync(request, o), ct);
        }
    }

    public async Task<GuestNetworkSpec> ReadNetworkAsync(CancellationToken ct)
    {
        var interfaces = await CallAsync("ListInterfaces", o => _agent.ListInterfacesAsync(new Proto.ListInterfacesRequest(), o), ct);
        var routes = await CallAsync("ListRoutes", o => _agent.ListRoutesAsync(new Proto.ListRoutesRequest(), o), ct);
        return NetworkMapping.FromProto(interfaces, routes);
    }

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
        return new VolumeUsage(Bound(bytes.Total), Bound(bytes.Available), Bound(bytes.Used), Bound(inodes.Total), Bound(inodes.Available), Bound(inodes.Used));
    }

    public Task ResizeVolumeAsync(GuestPath path, long bytes, CancellationToken ct)
    {
        var request = new Proto.ResizeVolumeRequest { VolumeGuestPath = path.Value, Size = (ulong)bytes };
        return CallAsync("ResizeVolume", o => _agent.ResizeVolumeAsync(request, o), ct);
    }

    private static long Bound(ulong value) => (long)Math.Min(value, long.MaxValue);
}
