using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Network;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>The network. Hosts call these before the sandbox is created, and later when links come.</summary>
internal sealed partial class AgentService
{
    private const string NoTables = "this guest has no iptables";

    public override async Task<Oci.Interface> UpdateInterface(
        Oci.UpdateInterfaceRequest request, ServerCallContext context)
    {
        if (request.Interface is not { } wanted)
        {
            throw AgentRefusals.Missing("interface");
        }

        await Guarded(() => network.UpdateAsync(wanted, context.CancellationToken));
        return wanted;
    }

    public override async Task<Oci.Routes> UpdateRoutes(Oci.UpdateRoutesRequest request, ServerCallContext context)
    {
        if (request.Routes is not { } wanted)
        {
            throw AgentRefusals.Missing("routes");
        }

        await Guarded(() =>
        {
            GuestNetwork.Update(wanted.Routes_);
            return Task.CompletedTask;
        });
        return await ListRoutes(new Oci.ListRoutesRequest(), context);
    }

    public override async Task<Empty> AddARPNeighbors(Oci.AddARPNeighborsRequest request, ServerCallContext context)
    {
        if (request.Neighbors is not { } wanted)
        {
            throw AgentRefusals.Missing("neighbors");
        }

        await Guarded(() =>
        {
            GuestNetwork.Update(wanted.ARPNeighbors_);
            return Task.CompletedTask;
        });
        return Done;
    }

    public override async Task<Oci.Interfaces> ListInterfaces(
        Oci.ListInterfacesRequest request, ServerCallContext context)
    {
        var told = new Oci.Interfaces();
        await Guarded(() =>
        {
            told.Interfaces_.AddRange(GuestNetwork.Interfaces());
            return Task.CompletedTask;
        });
        return told;
    }

    public override async Task<Oci.Routes> ListRoutes(Oci.ListRoutesRequest request, ServerCallContext context)
    {
        var told = new Oci.Routes();
        await Guarded(() =>
        {
            told.Routes_.AddRange(GuestNetwork.Routes());
            return Task.CompletedTask;
        });
        return told;
    }

    public override Task<Oci.GetIPTablesResponse> GetIPTables(
        Oci.GetIPTablesRequest request, ServerCallContext context) =>
        throw AgentRefusals.Unimplemented(NoTables);

    public override Task<Oci.SetIPTablesResponse> SetIPTables(
        Oci.SetIPTablesRequest request, ServerCallContext context) =>
        throw AgentRefusals.Unimplemented(NoTables);
}
