using Kata.Core.Application.Live;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Ends the sandbox, once: whoever comes second joins the first and waits for the same end.</summary>
internal sealed class SandboxStopper(
    LiveSandbox sandbox, ContainerRegistry containers, SandboxTeardown teardown, FactPublisher publisher, TimeProvider time, ILogger<SandboxStopper> log)
{
    private readonly Lock _lock = new();
    private Task? _stopping;

    /// <summary>Stops the sandbox; returns when everything has been given back, or throws naming what has not.</summary>
    public Task StopAsync()
    {
        lock (_lock)
            return _stopping ??= RunAsync();
    }

    private async Task RunAsync()
    {
        var begin = time.GetTimestamp();
        sandbox.CancelBoot();
        await sandbox.BootEnded;

        var facts = new List<Domain.IDomainEvent>();
        var wasReady = sandbox.State == SandboxState.Ready;
        facts.AddRange(sandbox.Change(s => s.BeginStop()));
        facts.AddRange(containers.KillAll(time.GetUtcNow()));
        if (sandbox.State == SandboxState.Stopped)
        {
            await publisher.PublishAsync(facts);
            return;
        }

        var left = await teardown.RunAsync(sandbox, closeGuest: wasReady);
        facts.AddRange(left.Length == 0
            ? sandbox.Change(s => s.RecordRelease())
            : sandbox.Change(s => s.RecordReleaseFailure()));
        BootLog.Stopped(log, sandbox.Id, time.GetElapsedTime(begin).TotalMilliseconds);
        await publisher.PublishAsync(facts);
        if (left.Length > 0)
            throw SandboxErrors.NotReleased(sandbox.Id, left, null);
    }
}
