using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Devices;
using Kata.Apps.Agent.Upkeep;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>Volumes and swap.</summary>
internal sealed partial class AgentService
{
    public override async Task<Oci.VolumeStatsResponse> GetVolumeStats(
        Oci.VolumeStatsRequest request, ServerCallContext context)
    {
        var stats = new Oci.VolumeStatsResponse();
        await Guarded(() =>
        {
            stats = GuestVolumes.Stats(request.VolumeGuestPath);
            return Task.CompletedTask;
        });
        return stats;
    }

    public override async Task<Empty> ResizeVolume(Oci.ResizeVolumeRequest request, ServerCallContext context)
    {
        await Guarded(() =>
        {
            GuestVolumes.Grow(request.VolumeGuestPath, request.Size);
            return Task.CompletedTask;
        });
        return Done;
    }

    public override async Task<Empty> AddSwap(Oci.AddSwapRequest request, ServerCallContext context)
    {
        await Guarded(async () =>
        {
            try
            {
                var disk = await devices.FindBlockAsync(PciPath.OfSlots(request.PCIPath), context.CancellationToken);
                Machine.AddSwap(disk.Path);
            }
            catch (FormatException e)
            {
                throw AgentRefusals.Invalid(e.Message);
            }
        });
        return Done;
    }

    public override async Task<Empty> AddSwapPath(Oci.AddSwapPathRequest request, ServerCallContext context)
    {
        await Guarded(async () =>
        {
            var disk = await devices.FindBlockAsync("mmioblk", request.Path, context.CancellationToken);
            Machine.AddSwap(disk.Path);
        });
        return Done;
    }
}
