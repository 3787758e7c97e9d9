namespace Kata.Core.Domain.Containers;

/// <summary>Where an exec is in its life; the init follows its container.</summary>
public enum ProcessState
{
    /// <summary>Registered, not started.</summary>
    Added,

    /// <summary>Runs in the guest.</summary>
    Running,

    /// <summary>Ended, or could not be started.</summary>
    Exited,

    /// <summary>Gone.</summary>
    Deleted,
}

/// <summary>What can happen to an exec.</summary>
public enum ProcessTrigger
{
    /// <summary>It runs in the guest.</summary>
    GuestStarted,

    /// <summary>It could not be started.</summary>
    StartFailed,

    /// <summary>It has ended.</summary>
    Exited,

    /// <summary>The container's init has ended, and with it every exec.</summary>
    InitExited,

    /// <summary>Somebody wants it gone.</summary>
    Delete,
}
