using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.State;

/// <summary>The one sandbox of this process: where it is in its life, and what it has open.</summary>
internal sealed class LiveSandbox(ShimIdentity identity, ITaskEvents events) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Sandbox _sandbox = new(identity.Sandbox);
    private readonly CancellationTokenSource _bootCancelled = new();
    private TaskCompletionSource? _boot;
    private SandboxHandles _handles = new SandboxHandles.None();

    public SandboxId Id => _sandbox.Id;

    public SandboxOwner Owner { get; } = identity.Owner;

    public SandboxState State
    {
        get
        {
            lock (_lock)
                return _sandbox.State;
        }
    }

    /// <summary>What is open now.</summary>
    public SandboxHandles Handles
    {
        get
        {
            lock (_lock)
                return _handles;
        }
    }

    /// <summary>Fires when the sandbox is stopped while it boots.</summary>
    public CancellationToken BootCancelled => _bootCancelled.Token;

    /// <summary>Completes when the boot has ended; already complete if none was begun.</summary>
    public Task BootEnded
    {
        get
        {
            lock (_lock)
                return _boot?.Task ?? Task.CompletedTask;
        }
    }

    /// <summary>Why the machine was lost; null if it was not.</summary>
    public string? LostReason { get; private set; }

    /// <summary>What a Ready sandbox has open, or a failure that says what it is instead.</summary>
    public SandboxHandles.Ready RequireReady()
    {
        lock (_lock)
        {
            if (_sandbox.State == SandboxState.Ready && _handles is SandboxHandles.Ready ready)
                return ready;
            throw _sandbox.State is SandboxState.Stopping or SandboxState.Stopped
                ? SandboxErrors.MachineGone(Id)
                : SandboxErrors.NotReady(Id, _sandbox.State);
        }
    }

    /// <summary>The first container asks for a machine.</summary>
    public void BeginBoot()
    {
        lock (_lock)
        {
            Change(s => s.BeginBoot());
            _boot = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The state directory is ours.</summary>
    public void Claim(IResourceLedger ledger)
    {
        lock (_lock)
            _handles = new SandboxHandles.Booting(ledger);
    }

    /// <summary>Something has been opened that the teardown is to end.</summary>
    public void Hold(ReleaseOrder order, Func<TimeSpan, CancellationToken, Task> release)
    {
        lock (_lock)
        {
            if (_handles is not SandboxHandles.Claimed claimed)
                throw new InvalidOperationException($"{order} was opened before the state directory was claimed");
            _handles = claimed with { Held = claimed.Held.Add(new HeldHandle(order, release)) };
        }
    }

    /// <summary>The agent has answered: state and handles become Ready at one moment.</summary>
    public IReadOnlyList<IDomainEvent> MakeReady(SandboxHandles.Ready ready)
    {
        lock (_lock)
        {
            var raised = Change(s => s.RecordGuestAnswer());
            _handles = ready with { Held = (_handles as SandboxHandles.Claimed)?.Held ?? [] };
            return raised;
        }
    }

    /// <summary>The boot is over, its failure recorded.</summary>
    public void EndBoot()
    {
        lock (_lock)
            _boot?.TrySetResult();
    }

    /// <summary>Calls off a boot that is under way.</summary>
    public void CancelBoot() => _bootCancelled.Cancel();

    /// <summary>The machine ended although nobody had asked for it.</summary>
    public void RecordLoss(string reason) => LostReason = reason;

    /// <summary>Everything has been given back.</summary>
    public void DropHandles()
    {
        lock (_lock)
            _handles = new SandboxHandles.None();
    }

    /// <summary>One transition; its events are queued and answered.</summary>
    public IReadOnlyList<IDomainEvent> Change(Action<Sandbox> transition)
    {
        lock (_lock)
        {
            transition(_sandbox);
            var raised = _sandbox.DequeueEvents();
            foreach (var domainEvent in raised)
                events.Enqueue(domainEvent);
            return raised;
        }
    }

    public void Dispose() => _bootCancelled.Dispose();
}
