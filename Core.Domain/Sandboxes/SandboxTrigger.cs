namespace Kata.Core.Domain.Sandboxes;

/// <summary>What can happen to a sandbox.</summary>
public enum SandboxTrigger
{
    /// <summary>Its first container asks for a machine.</summary>
    Boot,

    /// <summary>The agent has opened the sandbox.</summary>
    GuestAnswered,

    /// <summary>A step of the boot failed or was cancelled.</summary>
    BootFailed,

    /// <summary>The VMM process has ended.</summary>
    MachineExited,

    /// <summary>Somebody wants it stopped.</summary>
    Stop,

    /// <summary>All resources have been given back.</summary>
    Released,

    /// <summary>Some resource could not be given back.</summary>
    ReleaseFailed,
}
