using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Ends the sandbox, once: whoever comes second joins the first and waits for the same end.</summary>
internal sealed class SandboxStopper(
    LiveSandbox sandbox, ContainerRegistry containers, SandboxTeardown teardown, EventPublisher publisher,
    TimeProvider time, ILogger<SandboxStopper> log)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _stopped;

    /// <summary>Completes when the stop that was begun last has told its events; never faults.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// Stops the sandbox; returns when everything has been given back, or throws naming what has not. After such a
    /// failure the next call begins again with what is still held.
    /// </summary>
    public Task StopAsync()
    {
        TaskCompletionSource stopped;
        lock (_lock)
        {
            if (_stopped is { Task.IsFaulted: false } running)
                return running.Task;
            stopped = _stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Completion = RunAsync(stopped);
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
