namespace Kata.Core.Domain.Containers;

/// <summary>What can happen to a container.</summary>
public enum ContainerTrigger
{
    /// <summary>The guest has prepared it.</summary>
    GuestCreated,

    /// <summary>Its preparation failed.</summary>
    CreateFailed,

    /// <summary>Its preparation was called off.</summary>
    Cancelled,

    /// <summary>Its init runs.</summary>
    GuestStarted,

    /// <summary>Its init could not be started.</summary>
    StartFailed,

    /// <summary>Its init has ended.</summary>
    InitExited,

    /// <summary>Its processes are frozen.</summary>
    GuestPaused,

    /// <summary>Its processes run again.</summary>
    GuestResumed,

    /// <summary>Somebody wants it gone.</summary>
    Delete,
}
