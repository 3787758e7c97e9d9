using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Network;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent;

/// <summary>Containers.</summary>
internal sealed partial class AgentService
{
    public override async Task<Empty> CreateContainer(Oci.CreateContainerRequest request, ServerCallContext context)
    {
        await Guarded(() => maker.CreateAsync(request, context.CancellationToken));
        log.Info($"container {request.ContainerId} created");
        return Done;
    }

    public override async Task<Empty> StartContainer(Oci.StartContainerRequest request, ServerCallContext context)
    {
        var container = sandbox.Find(request.ContainerId, StatusCode.Internal);
        await Guarded(() => maker.StartAsync(container, context.CancellationToken));
        return Done;
    }

    public override async Task<Empty> RemoveContainer(Oci.RemoveContainerRequest request, ServerCallContext context)
    {
        var container = sandbox.Find(request.ContainerId, StatusCode.Internal);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        if (request.Timeout > 0)
        {
            limited.CancelAfter(TimeSpan.FromSeconds(request.Timeout));
        }

        try
        {
            await Guarded(() => maker.RemoveAsync(container, limited.Token));
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw AgentRefusals.Internal($"ETIME: container {container.Id} was not removed in time");
        }

        log.Info($"container {request.ContainerId} removed");
        return Done;
    }

    public override async Task<Empty> PauseContainer(Oci.PauseContainerRequest request, ServerCallContext context)
    {
        await FreezeAsync(
            request.ContainerId, GuestContainerTrigger.Pause, "pause", frozen: true, context.CancellationToken);
        return Done;
    }

    public override async Task<Empty> ResumeContainer(Oci.ResumeContainerRequest request, ServerCallContext context)
    {
        await FreezeAsync(
            request.ContainerId, GuestContainerTrigger.Resume, "resume", frozen: false, context.CancellationToken);
        return Done;
    }

    public override async Task<Empty> UpdateContainer(Oci.UpdateContainerRequest request, ServerCallContext context)
    {
        var container = sandbox.Find(request.ContainerId, StatusCode.InvalidArgument);
        if (request.Resources is { } resources)
        {
            await Guarded(() =>
            {
                container.Cgroup.Update(resources);
                return Task.CompletedTask;
            });
        }

        return Done;
    }

    public override Task<Oci.StatsContainerResponse> StatsContainer(
        Oci.StatsContainerRequest request, ServerCallContext context)
    {
        var container = sandbox.Find(request.ContainerId, StatusCode.InvalidArgument);
        var stats = new Oci.StatsContainerResponse { CgroupStats = container.Cgroup.Stats() };
        stats.NetworkStats.AddRange(LinkStatistics.Read());
        return Task.FromResult(stats);
    }

    /// <summary>What the kernel refused becomes a sentence for the host; a bug stays one.</summary>
    private static async Task Guarded(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw AgentRefusals.Internal(e.Message);
        }
    }

    private async Task FreezeAsync(
        string id, GuestContainerTrigger trigger, string verb, bool frozen, CancellationToken cancellation)
    {
        var container = sandbox.Find(id, StatusCode.InvalidArgument);
        await container.Turn.WaitAsync(cancellation);
        try
        {
            if (!container.Allows(trigger))
            {
                throw AgentRefusals.WrongState(verb, id, container.State);
            }

            await Guarded(() => container.Cgroup.SetFrozenAsync(frozen, cancellation));
            container.Change(trigger, verb);
        }
        finally
        {
            container.Turn.Release();
        }
    }
}
