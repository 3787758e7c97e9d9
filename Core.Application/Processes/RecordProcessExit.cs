using Kata.Core.Application.Messaging;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>
/// The guest reports the end of a process. The end of a sandbox that follows from it takes its own time.
/// </summary>
public sealed record RecordProcessExit(ProcessRef Process, ExitStatus Exit) : ICommand<Done>, IUnbounded;

internal sealed class RecordProcessExitHandler(
    ContainerRegistry containers, ISender sender, EventPublisher publisher, TimeProvider time)
    : IRequestHandler<RecordProcessExit, Done>
{
    // A pod's network is taken down by others as soon as its exit is told, so machine and taps go first; within this.
    private static readonly TimeSpan PodStopBeforeExit = TimeSpan.FromSeconds(2);

    public async Task<Done> Handle(RecordProcessExit request, CancellationToken ct)
    {
        var process = containers.Find(request.Process);
        if (request.Process.IsInit)
            containers.Report(request.Process.Container, request.Exit);
        IReadOnlyList<IDomainEvent> raised;
        using (await process.Gate.EnterAsync(ct))
        {
            if (request.Process.IsInit
                && containers.Read(request.Process.Container, c => c.Kind) == ContainerKind.PodSandbox)
                await StopPodAsync();
            raised = containers.Change(request.Process.Container, c => c.RecordExit(request.Process, request.Exit));
        }

        await publisher.PublishAsync(raised);
        return Done.Value;
    }

    private async Task StopPodAsync()
    {
        try
        {
            await sender.Send(new StopSandbox(), CancellationToken.None).WaitAsync(PodStopBeforeExit, time);
        }
        catch (Exception e) when (e is TimeoutException or KataException)
        {
            // The stop goes on, or has said itself what it left.
        }
    }
}
