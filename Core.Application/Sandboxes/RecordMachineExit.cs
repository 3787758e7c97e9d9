using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>The machine has ended, or what it cannot live without.</summary>
public sealed record RecordMachineExit(string Reason) : ICommand<Done>, IUnbounded;

internal sealed class RecordMachineExitHandler(
    LiveSandbox sandbox, ContainerRegistry containers, ISender sender, EventPublisher publisher,
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
            var console = sandbox.Handles is SandboxHandles.Ready ready ? ready.Vm.ConsoleTail : [];
            BootLog.Lost(log, request.Reason, string.Join(" | ", console));
            sandbox.RecordLoss(request.Reason);
            raised.AddRange(containers.KillAll(time.GetUtcNow(), _ => true));
        }

        raised.AddRange(sandbox.Change(s => s.RecordMachineExit()));

        // Begun before the reactions: some wait for output, which a dead machine has no more of.
        var stopping = unexpected ? sender.Send(new StopSandbox(), CancellationToken.None) : Task.CompletedTask;
        await publisher.PublishAsync(raised);
        await stopping;
        return Done.Value;
    }
}
