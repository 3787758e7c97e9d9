using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Ends the sandbox with everything in it, once: whoever comes second joins the first. Answers when everything has been
/// given back, or fails naming what has not; after such a failure the next begins again with what is still held.
/// </summary>
public sealed record StopSandbox : ICommand<Done>, IUnbounded;

internal sealed class StopSandboxHandler(
    LiveSandbox sandbox, ContainerRegistry containers, SandboxTeardown teardown, EventPublisher publisher,
    TimeProvider time, ILogger<StopSandboxHandler> log) : IRequestHandler<StopSandbox, Done>
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _stopped;

    public async Task<Done> Handle(StopSandbox request, CancellationToken ct)
    {
        await JoinAsync().WaitAsync(ct);
        return Done.Value;
    }

    private Task JoinAsync()
    {
        TaskCompletionSource stopped;
        lock (_lock)
        {
            if (_stopped is { Task.IsFaulted: false } running)
                return running.Task;
            stopped = _stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = RunAsync(stopped);
        return stopped.Task;
    }

    private async Task RunAsync(TaskCompletionSource stopped)
    {
        var raised = new List<IDomainEvent>();
        try
        {
            await EndAsync(raised);
            stopped.SetResult();
        }
        catch (Exception e)
        {
            stopped.SetException(e);
        }

        // Only now: a reaction may ask for this same stop, and would wait for itself.
        await publisher.PublishAsync(raised);
    }

    private async Task EndAsync(List<IDomainEvent> raised)
    {
        var begin = time.GetTimestamp();
        sandbox.CancelBoot();
        await sandbox.BootEnded;

        var wasReady = sandbox.State == SandboxState.Ready;
        raised.AddRange(sandbox.Change(s => s.BeginStop()));

        // A pod's own exit is told after its machine is gone: others take its network down on it.
        var at = time.GetUtcNow();
        raised.AddRange(containers.KillAll(at, c => c.Kind != ContainerKind.PodSandbox));
        var left = sandbox.State == SandboxState.Stopped ? "" : await teardown.RunAsync(sandbox, closeGuest: wasReady);
        raised.AddRange(containers.KillAll(at, _ => true));
        if (sandbox.State == SandboxState.Stopped)
            return;

        raised.AddRange(left.Length == 0
            ? sandbox.Change(s => s.RecordRelease())
            : sandbox.Change(s => s.RecordReleaseFailure()));
        BootLog.Stopped(log, sandbox.Id, time.GetElapsedTime(begin).TotalMilliseconds);
        if (left.Length > 0)
            throw SandboxErrors.NotReleased(sandbox.Id, left, null);
    }
}
