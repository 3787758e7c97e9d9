using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>The machine has ended, or what it cannot live without.</summary>
public sealed record RecordMachineExit(string Reason) : ICommand<Done>, IUnbounded;

internal sealed class RecordMachineExitHandler(
    LiveSandbox sandbox, ContainerRegistry containers, SandboxStopper stopper, EventPublisher publisher,
    TimeProvider time, ILogger<RecordMachineExitHandler> log)
    : IRequestHandler<RecordMachineExit, Done>
{
    public async Task<Done> Handle(RecordMachineExit request, CancellationToken ct)
    {
        // Every process ends at one instant, before the sandbox is told lost.
        var raised = new List<IDomainEvent>();
        var unexpected = sandbox.State == SandboxState.Ready;
        if (unexpected)
        {
            BootLog.Lost(log, request.Reason, string.Join(" | ", sandbox.Machine?.ConsoleTail ?? []));
            sandbox.LostReason = request.Reason;
            raised.AddRange(containers.KillAll(time.GetUtcNow(), _ => true));
        }

        raised.AddRange(sandbox.Change(s => s.RecordMachineExit()));

        // Begun before the reactions: some wait for output, which a dead machine has no more of.
        var stopping = unexpected ? stopper.StopAsync() : Task.CompletedTask;
        await publisher.PublishAsync(raised);
        await stopping;
        return Done.Value;
    }
}
