using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Boot;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Devices;
using Kata.Apps.Agent.Network;
using Kata.Apps.Agent.Sandboxes;
using Kata.Apps.Agent.Storage;
using Kata.Apps.Agent.Upkeep;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>The agent protocol. Each part of it has a file of its own; here is the sandbox.</summary>
internal sealed partial class AgentService(
    GuestSandbox sandbox,
    ContainerMaker maker,
    GuestNetwork network,
    DeviceFinder devices,
    ModuleLoader modules,
    AgentLog log) : Oci.AgentService.AgentServiceBase
{
    private static readonly Empty Done = new();

    public override async Task<Empty> CreateSandbox(Oci.CreateSandboxRequest request, ServerCallContext context)
    {
        modules.StartLate();
        await sandbox.CreateAsync(request, context.CancellationToken);
        log.Info($"sandbox {request.SandboxId}");
        return Done;
    }

    public override async Task<Empty> DestroySandbox(Oci.DestroySandboxRequest request, ServerCallContext context)
    {
        if (sandbox.Destroyed.IsCompleted)
        {
            throw AgentRefusals.Internal("failed to get sandbox sender channel: the sandbox is destroyed already");
        }

        foreach (var container in sandbox.Containers())
        {
            try
            {
                await maker.RemoveAsync(container, context.CancellationToken);
            }
            catch (Exception e) when (e is RpcException or IOException or OperationCanceledException)
            {
                // The machine goes, and the container with it.
                log.Warning($"container {container.Id}: {e.Message}");
            }
        }

        sandbox.MarkDestroyed();
        return Done;
    }

    public override async Task<Oci.OOMEvent> GetOOMEvent(Oci.GetOOMEventRequest request, ServerCallContext context)
    {
        try
        {
            return new Oci.OOMEvent { ContainerId = await sandbox.OomEvents.ReadAsync(context.CancellationToken) };
        }
        catch (System.Threading.Channels.ChannelClosedException)
        {
            throw AgentRefusals.Internal("the sandbox is destroyed");
        }
    }

    public override Task<Oci.GuestDetailsResponse> GetGuestDetails(
        Oci.GuestDetailsRequest request, ServerCallContext context) =>
        Task.FromResult(new Oci.GuestDetailsResponse
        {
            MemBlockSizeBytes = request.MemBlockSize ? GuestMemory.BlockSize() : 0,
            SupportMemHotplugProbe = request.MemHotplugProbe && GuestMemory.SupportsProbe,
            AgentDetails = new Oci.AgentDetails
            {
                Version = AgentVersion.Text,
                InitDaemon = Environment.ProcessId == 1,
                StorageHandlers = { StorageMounter.Drivers },
                SupportsSeccomp = true,
                ExtraFeatures = { "seccomp" },
            },
        });

    public override Task<Empty> UpdateEphemeralMounts(
        Oci.UpdateEphemeralMountsRequest request, ServerCallContext context)
    {
        try
        {
            StorageMounter.UpdateEphemeral(request.Storages);
            return Task.FromResult(Done);
        }
        catch (IOException e)
        {
            throw AgentRefusals.Internal(e.Message);
        }
    }
}
