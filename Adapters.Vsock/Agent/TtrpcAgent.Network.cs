using Kata.Core.Domain.Networking;
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
}
