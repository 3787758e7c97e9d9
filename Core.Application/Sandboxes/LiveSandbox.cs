using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Sandboxes;

/// <summary>The one sandbox of this process, with its open handles.</summary>
internal sealed class LiveSandbox(ShimIdentity identity, ITaskEvents events) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Sandbox _sandbox = new(identity.Sandbox);
    private readonly CancellationTokenSource _bootCancelled = new();

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

    /// <summary>Fires when the sandbox is stopped while it boots.</summary>
    public CancellationToken BootCancelled => _bootCancelled.Token;

    public RuntimeSettings? Settings { get; set; }

    public IResourceLedger? Ledger { get; set; }

    /// <summary>The sandbox's own, below its pod's.</summary>
    public IReadOnlyList<HostPath> Cgroups { get; set; } = [];

    /// <summary>Where shim, VMM and file daemon live: the same, or one apart.</summary>
    public IReadOnlyList<HostPath> OwnCgroups { get; set; } = [];

    public ISharedDirectory? Share { get; set; }

    public ISandboxLinks? Links { get; set; }

    /// <summary>The end of the port forwarding; null where there is none.</summary>
    public IAsyncDisposable? Ports { get; set; }

    public IVirtualMachine? Machine { get; set; }

    public IGuestAgent? Agent { get; set; }

    public GuestDetails? Guest { get; set; }

    /// <summary>Completes when the boot has ended, its undo included; already complete if none was begun.</summary>
    public Task BootEnded { get; set; } = Task.CompletedTask;

    /// <summary>Why the machine was lost; null if it was not.</summary>
    public string? LostReason { get; set; }

    /// <summary>Everything has been given back: the handles stand for nothing any more.</summary>
    public void LetGo()
    {
        Agent = null;
        Machine = null;
        Share = null;
        Links = null;
        Ports = null;
        Cgroups = [];
        OwnCgroups = [];
        Ledger = null;
    }

    public void CancelBoot() => _bootCancelled.Cancel();

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

    /// <summary>The agent of a sandbox that is Ready, or a failure that says what it is instead.</summary>
    public IGuestAgent RequireAgent()
    {
        var state = State;
        if (state == SandboxState.Ready && Agent is { } agent)
            return agent;
        throw state is SandboxState.Stopping or SandboxState.Stopped
            ? SandboxErrors.MachineGone(Id)
            : SandboxErrors.NotReady(Id, state);
    }

    public void Dispose() => _bootCancelled.Dispose();
}
