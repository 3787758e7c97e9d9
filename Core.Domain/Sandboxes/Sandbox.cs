namespace Kata.Core.Domain.Sandboxes;

/// <summary>One virtual machine and what it holds on the host.</summary>
public sealed class Sandbox(SandboxId id) : AggregateRoot
{
    /// <summary>Its id.</summary>
    public SandboxId Id { get; } = id;

    /// <summary>Where it is in its life.</summary>
    public SandboxState State { get; private set; }

    /// <summary>The first container asks for a machine.</summary>
    public void BeginBoot() => Take(SandboxTrigger.Boot);

    /// <summary>The agent has opened the sandbox.</summary>
    public void RecordGuestAnswer()
    {
        Take(SandboxTrigger.GuestAnswered);
        Raise(new SandboxStarted(Id));
    }

    /// <summary>A step of the boot failed.</summary>
    public void RecordBootFailure()
    {
        var before = State;
        Take(SandboxTrigger.BootFailed);
        if (before != State)
            Raise(new SandboxBroken(Id));
    }

    /// <summary>The VMM has ended.</summary>
    public void RecordMachineExit()
    {
        var before = State;
        Take(SandboxTrigger.MachineExited);
        if (before == SandboxState.Booting)
            Raise(new SandboxBroken(Id));
        if (before == SandboxState.Ready)
            Raise(new SandboxLost(Id));
    }

    /// <summary>
    /// Somebody wants it stopped; idempotent from every state but Booting, whose boot is cancelled first.
    /// </summary>
    public void BeginStop()
    {
        var before = State;
        Take(SandboxTrigger.Stop);
        if (before == SandboxState.New)
            Raise(new SandboxStopped(Id));
    }

    /// <summary>Everything has been given back.</summary>
    public void RecordRelease()
    {
        Take(SandboxTrigger.Released);
        Raise(new SandboxStopped(Id));
    }

    /// <summary>Something could not be given back.</summary>
    public void RecordReleaseFailure()
    {
        Take(SandboxTrigger.ReleaseFailed);
        Raise(new SandboxBroken(Id));
    }

    private void Take(SandboxTrigger trigger) =>
        State = SandboxTransitions.Table.TryNext(State, trigger, out var next)
            ? next
            : throw SandboxErrors.Refused(Id, State, trigger);
}
