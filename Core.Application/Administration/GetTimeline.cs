using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;

namespace Kata.Core.Application.Administration;

/// <summary>How long each phase of the creations in a sandbox took.</summary>
public sealed record GetTimeline(SandboxId Sandbox) : IQuery<GetTimelineReply>;

/// <summary>
/// One for each container, since each creation counts from its own begin. A container whose id has come again is there
/// as it was created last.
/// </summary>
public sealed record GetTimelineReply(IReadOnlyList<CreationTimeline> Creations);

/// <summary>The creation of a container.</summary>
/// <param name="Container">Its id; empty in a timeline that names none.</param>
/// <param name="Phases">Its phases, in the order of their begins.</param>
public sealed record CreationTimeline(string Container, IReadOnlyList<CreationPhase> Phases);

/// <summary>A phase, by times since the creation began. One that has not ended ends as it begins.</summary>
public sealed record CreationPhase(string Name, TimeSpan Begin, TimeSpan End);

internal sealed class GetTimelineHandler(ITimelines timelines) : IRequestHandler<GetTimeline, GetTimelineReply>
{
    public async Task<GetTimelineReply> Handle(GetTimeline request, CancellationToken ct)
    {
        var lines = await timelines.ReadAsync(request.Sandbox, ct)
            ?? throw new KataException(
                ErrorKind.NotFound,
                $"there is no sandbox {request.Sandbox} here; 'kata-runtime list' shows those that are");
        var creations = new Dictionary<string, List<CreationPhase>>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (!creations.TryGetValue(line.Container, out var phases))
                creations[line.Container] = phases = [];
            Add(line, phases);
        }

        return new GetTimelineReply([.. creations.Select(creation => new CreationTimeline(
            creation.Key, creation.Value))]);
    }

    private static void Add(TimelineLine line, List<CreationPhase> phases)
    {
        var known = phases.FindIndex(phase => phase.Name == line.Phase);
        if (line.IsEnd)
        {
            if (known >= 0)
                phases[known] = phases[known] with { End = line.At };
            return;
        }

        // A phase that begins again belongs to the container's next life.
        if (known >= 0)
            phases.Clear();
        phases.Add(new CreationPhase(line.Phase, line.At, line.At));
    }
}
