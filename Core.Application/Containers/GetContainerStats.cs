using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Containers;

/// <summary>
/// The figures of a container; zeros for one that has not run or has ended, but for the out-of-memory kills, by which a
/// manager tells why it ended.
/// </summary>
public sealed record GetContainerStats(ContainerId Id) : IQuery<GetContainerStatsReply>;

/// <summary>The figures, and whether the host has cgroup v2 alone, which decides their form.</summary>
public sealed record GetContainerStatsReply(ContainerStats Stats, bool Unified);

internal sealed class GetContainerStatsHandler(
    LiveSandbox sandbox, ContainerRegistry containers, ISandboxCgroup cgroups)
    : IRequestHandler<GetContainerStats, GetContainerStatsReply>
{
    public async Task<GetContainerStatsReply> Handle(GetContainerStats request, CancellationToken ct)
    {
        var (state, kills) = containers.Read(request.Id, c => (c.State, c.OutOfMemoryKills));
        var stats = state is ContainerState.Running or ContainerState.Paused
            ? await AskAsync(request.Id, ct)
            : new ContainerStats();
        if (stats.Memory.OutOfMemoryKills < kills)
            stats = stats with { Memory = stats.Memory with { OutOfMemoryKills = kills } };
        return new GetContainerStatsReply(stats, cgroups.IsUnified);
    }

    private async Task<ContainerStats> AskAsync(ContainerId id, CancellationToken ct)
    {
        try
        {
            return await sandbox.RequireReady().Agent.StatsAsync(id, ct);
        }
        catch (KataException e) when (e.Kind == ErrorKind.NotFound)
        {
            // It ended between the look at its state and the question.
            return new ContainerStats();
        }
    }
}
