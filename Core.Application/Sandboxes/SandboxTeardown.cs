using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Gives back everything a sandbox holds: the open handles in order, then whatever the ledger still names, last
/// acquired first. The same code after a failed boot, on stop and after a crash; already gone is success.
/// </summary>
internal sealed class SandboxTeardown(
    ISandboxStore store, IResourceReleaser releaser, TimeProvider time,
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
        // Without a claim the state directory is not ours: another shim may live in it.
        if (sandbox.Handles is not SandboxHandles.Claimed claimed)
            return "";
        using var budget = new CancellationTokenSource(Budget, time);
        await EndAsync(claimed, closeGuest, budget.Token);
        var left = await ReleaseAsync(claimed.Ledger, Budget, budget.Token);
        if (left.Length > 0)
            return left;
        try
        {
            await store.DeleteAsync(sandbox.Id, budget.Token).WaitAsync(budget.Token);
        }
        catch (Exception e)
        {
            TeardownLog.NotDeleted(log, sandbox.Id, e);
            return $"state directory of {sandbox.Id}: {e.Message}";
        }

        sandbox.DropHandles();
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

    private async Task EndAsync(SandboxHandles.Claimed claimed, bool closeGuest, CancellationToken budget)
    {
        using var handles = new CancellationTokenSource(HandlesBudget, time);
        var grace = TimeSpan.Zero;
        foreach (var handle in claimed.Held.OrderBy(held => held.Order))
        {
            if (handle.Order == ReleaseOrder.AgentConnection && closeGuest && claimed is SandboxHandles.Ready ready
                && await CloseGuestAsync(ready))
                grace = PowerOffGrace;

            // The cgroup is left however long the rest has taken: it could not be removed with us in it.
            var limit = handle.Order == ReleaseOrder.Cgroup ? budget : handles.Token;
            await QuietlyAsync(handle, grace, limit);
        }
    }

    private async Task<bool> CloseGuestAsync(SandboxHandles.Ready ready)
    {
        if (ready.Vm.Exited.IsCompleted)
            return false;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);
        try
        {
            await ready.Agent.CloseAsync(limit.Token);
            return true;
        }
        catch (Exception e) when (e is KataException or OperationCanceledException)
        {
            TeardownLog.GuestNotClosed(log, e.Message);
            return false;
        }
    }

    private async Task QuietlyAsync(HeldHandle handle, TimeSpan grace, CancellationToken limit)
    {
        try
        {
            await handle.Release(grace, limit).WaitAsync(limit);
        }
        catch (OperationCanceledException)
        {
            // What it held is in the ledger, whose release comes next.
            TeardownLog.StepTimedOut(log, handle.Order);
        }
        catch (Exception e)
        {
            TeardownLog.StepFailed(log, handle.Order, e);
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

    [LoggerMessage(1102, LogLevel.Warning, "teardown: {What} did not stop cleanly")]
    public static partial void StepFailed(ILogger log, ReleaseOrder what, Exception fault);

    [LoggerMessage(1104, LogLevel.Warning, "teardown: {What} did not stop in time; releasing what it holds")]
    public static partial void StepTimedOut(ILogger log, ReleaseOrder what);

    [LoggerMessage(1103, LogLevel.Warning, "cannot remove the state directory of sandbox {Sandbox}")]
    public static partial void NotDeleted(ILogger log, SandboxId sandbox, Exception fault);
}
