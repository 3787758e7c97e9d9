using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Releases what dead shims left on this host, by the same code as <see cref="CleanUpSandbox"/>: for container managers
/// that never run a shim's delete, as CRI-O. A living shim's things stay. Harmless when several run at once.
/// </summary>
/// <param name="OnlyLook">Tell what would be released, and release nothing.</param>
public sealed record ReapSandboxes(bool OnlyLook) : ICommand<ReapSandboxesReply>;

/// <summary>What became of each sandbox on this host, by id.</summary>
public sealed record ReapSandboxesReply(IReadOnlyList<ReapedSandbox> Sandboxes);

/// <summary>One sandbox that was looked at.</summary>
/// <param name="Id">The sandbox.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Held">What its shim left, in the order of release; empty if it lives.</param>
/// <param name="Reason">Why something of it is still held; empty otherwise.</param>
public sealed record ReapedSandbox(
    SandboxId Id, ReapOutcome Outcome, IReadOnlyList<AcquiredResource> Held, string Reason = "");

/// <summary>What became of a sandbox.</summary>
public enum ReapOutcome
{
    /// <summary>Its shim lives; it was not touched.</summary>
    Lives,

    /// <summary>Its shim is dead; nothing was done, as only a look was asked for.</summary>
    Left,

    /// <summary>What its dead shim left is released.</summary>
    Released,

    /// <summary>Some of it could not be released, and stays written down.</summary>
    StillHeld,
}

internal sealed class ReapSandboxesHandler(
    ISandboxStore store, SandboxTeardown teardown, IShimSockets sockets, TimeProvider time)
    : IRequestHandler<ReapSandboxes, ReapSandboxesReply>
{
    // Nobody waits as the container manager does for its delete binary; one that hangs must not keep the others.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(15);

    public async Task<ReapSandboxesReply> Handle(ReapSandboxes request, CancellationToken ct)
    {
        var reaped = new List<ReapedSandbox>();
        foreach (var id in await store.ListAsync(ct))
        {
            ct.ThrowIfCancellationRequested();
            if ((request.OnlyLook ? await LookAsync(id, ct) : await ReleaseAsync(id)) is { } outcome)
                reaped.Add(outcome);
        }

        return new ReapSandboxesReply(reaped);
    }

    private async Task<ReapedSandbox?> LookAsync(SandboxId id, CancellationToken ct)
    {
        var (isAlive, held) = await store.LookAsync(id, ct);
        if (isAlive)
            return new ReapedSandbox(id, ReapOutcome.Lives, []);
        return held is null ? null : new ReapedSandbox(id, ReapOutcome.Left, held);
    }

    private async Task<ReapedSandbox?> ReleaseAsync(SandboxId id)
    {
        using var budget = new CancellationTokenSource(Budget, time);
        IReadOnlyList<AcquiredResource> held = [];
        try
        {
            var owner = (await store.LoadAsync(id, budget.Token))?.Owner;
            var found = await store.TakeOverAsync(id, budget.Token);
            if (found.HolderIsAlive)
                return new ReapedSandbox(id, ReapOutcome.Lives, []);
            if (found.Ledger is not { } ledger)
                return null;
            held = [.. ledger.Read().ReleaseOrder()];
            var left = await teardown.ReleaseAsync(ledger, Budget, budget.Token);
            if (left.Length > 0)
                return new ReapedSandbox(id, ReapOutcome.StillHeld, held, left);
            if (owner is not null)
                sockets.RemoveDead(id, owner);
            await store.DeleteAsync(id, budget.Token);
            return new ReapedSandbox(id, ReapOutcome.Released, held);
        }
        catch (Exception e) when (e is KataException or IOException or OperationCanceledException)
        {
            var reason = e is OperationCanceledException ? $"it took longer than {Budget.TotalSeconds:0} s" : e.Message;
            return new ReapedSandbox(id, ReapOutcome.StillHeld, held, reason);
        }
    }
}
