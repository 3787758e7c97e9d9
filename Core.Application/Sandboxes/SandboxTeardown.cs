using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Gives back everything a sandbox holds: the open handles in order, then whatever the ledger still names, last
/// acquired first. The same code after a failed boot, on stop and after a crash; already gone is success.
/// </summary>
internal sealed class SandboxTeardown(
    ISandboxStore store, IResourceReleaser releaser, ISandboxCgroup cgroups, TimeProvider time,
    ILogger<SandboxTeardown> log)
{
    // The container manager allows 5 s for its delete binary; this keeps clear of it.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    // What is left of the budget belongs to the ledger: it finds what the handles could not end.
    private static readonly TimeSpan HandlesBudget = TimeSpan.FromSeconds(3);

    // A guest that closes its sandbox powers off within a tenth of this; one that hangs is killed.
    private static readonly TimeSpan PowerOffGrace = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// Ends the machine and releases all. Does not fail: the answer names what is still held, or is empty.
    /// </summary>
    public async Task<string> RunAsync(LiveSandbox sandbox, bool closeGuest)
    {
        using var budget = new CancellationTokenSource(Budget, time);
        using var handles = new CancellationTokenSource(HandlesBudget, time);
        var grace = TimeSpan.Zero;
        if (sandbox.Ports is { } ports)
            await QuietlyAsync("port forwarding", () => ports.DisposeAsync().AsTask(), handles.Token);
        if (sandbox.Agent is { } agent)
        {
            if (closeGuest && await CloseGuestAsync(agent, sandbox))
                grace = PowerOffGrace;
            await QuietlyAsync("agent connection", () => agent.DisposeAsync().AsTask(), handles.Token);
        }

        if (sandbox.Machine is { } machine)
            await QuietlyAsync("machine", () => machine.StopAsync(grace, handles.Token), handles.Token);
        if (sandbox.Links is { } links)
            await QuietlyAsync("network", () => links.DisposeAsync().AsTask(), handles.Token);
        if (sandbox.Share is { } share)
            await QuietlyAsync("shared directory", () => share.StopAsync(handles.Token), handles.Token);
        if (sandbox.OwnCgroups.Count > 0)
            await QuietlyAsync("cgroup", () => cgroups.LeaveAsync(sandbox.OwnCgroups, budget.Token), budget.Token);

        // Without a ledger the state directory is not ours: another shim may live in it.
        if (sandbox.Ledger is not { } ledger)
            return "";
        var left = await ReleaseAsync(ledger, Budget, budget.Token);
        if (left.Length > 0)
            return left;
        try
        {
            await store.DeleteAsync(sandbox.Id, budget.Token).WaitAsync(budget.Token);
        }
        catch (Exception e)
        {
            TeardownLog.StepFailed(log, "state directory", e);
            return $"state directory of {sandbox.Id}: {e.Message}";
        }

        sandbox.LetGo();
        return "";
    }

    /// <summary>Releases what a ledger names. The answer names what is still held, or is empty.</summary>
    /// <param name="ledger">What is held.</param>
    /// <param name="limit">After how long the token fires, for the answer.</param>
    /// <param name="ct">Ends the release.</param>
    public async Task<string> ReleaseAsync(IResourceLedger ledger, TimeSpan limit, CancellationToken ct)
    {
        var left = new List<string>();
        foreach (var resource in ledger.Read().ReleaseOrder())
        {
            try
            {
                await releaser.ReleaseAsync(resource, ct);
                ledger.Forget(resource);
            }
            catch (Exception e)
            {
                // A process that was killed and is still there waits for the host: for its disk, or for a processor.
                var reason = e is OperationCanceledException && ct.IsCancellationRequested
                    ? $"still there after {limit.TotalSeconds:0} s; "
                        + "the next stop or delete, or kata-runtime reap, tries again"
                    : e.Message;
                TeardownLog.NotReleased(log, resource.Kind, resource.Name, reason);
                left.Add($"{resource.Kind} {resource.Name}: {reason}");
            }
        }

        return string.Join("; ", left);
    }

    private async Task<bool> CloseGuestAsync(IGuestAgent agent, LiveSandbox sandbox)
    {
        if (sandbox.Machine is null or { Exited.IsCompleted: true })
            return false;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);
        try
        {
            await agent.CloseAsync(limit.Token);
            return true;
        }
        catch (Exception e) when (e is KataException or OperationCanceledException)
        {
            TeardownLog.GuestNotClosed(log, e.Message);
            return false;
        }
    }

    private async Task QuietlyAsync(string what, Func<Task> step, CancellationToken limit)
    {
        try
        {
            await step().WaitAsync(limit);
        }
        catch (Exception e)
        {
            TeardownLog.StepFailed(log, what, e);
        }
    }
}

/// <summary>Event ids 1100 to 1149.</summary>
internal static partial class TeardownLog
{
    [LoggerMessage(1100, LogLevel.Warning, "{Kind} {Name} is still held: {Reason}")]
    public static partial void NotReleased(ILogger log, ResourceKind kind, string name, string reason);

    [LoggerMessage(1101, LogLevel.Warning, "the guest did not close its sandbox: {Reason}")]
    public static partial void GuestNotClosed(ILogger log, string reason);

    [LoggerMessage(1102, LogLevel.Warning, "the {What} did not stop cleanly")]
    public static partial void StepFailed(ILogger log, string what, Exception fault);
}
