using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>What this agent does not do, said in a sentence each. Hosts tolerate the code where the call is optional.</summary>
internal sealed partial class AgentService
{
    private const string NoSwap = "this guest uses no swap";

    public override Task<Empty> AddSwap(Oci.AddSwapRequest request, ServerCallContext context) =>
        throw AgentErrors.Unimplemented(NoSwap);

    public override Task<Empty> AddSwapPath(Oci.AddSwapPathRequest request, ServerCallContext context) =>
        throw AgentErrors.Unimplemented(NoSwap);

    public override Task<Oci.VolumeStatsResponse> GetVolumeStats(Oci.VolumeStatsRequest request, ServerCallContext context) =>
        throw AgentErrors.Unimplemented("this agent measures no volumes");

    public override Task<Empty> SetGuestDateTime(Oci.SetGuestDateTimeRequest request, ServerCallContext context) =>
        throw AgentErrors.Unimplemented("this agent leaves the clock to the machine");

    public override Task<Empty> ReseedRandomDev(Oci.ReseedRandomDevRequest request, ServerCallContext context)
    {
        if (request.Data.IsEmpty)
        {
            throw AgentErrors.Missing("data");
        }

        // Mixed in without being counted as entropy, so a host cannot make the pool predictable.
        File.WriteAllBytes("/dev/random", request.Data.ToByteArray());
        return Task.FromResult(Done);
    }
}
