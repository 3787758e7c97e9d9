namespace Kata.Core.Domain;

/// <summary>
/// What a caller can do about a failure. Each kind has one wire status, in one table of the shim adapter.
/// </summary>
public enum ErrorKind
{
    /// <summary>An id, a spec or an option does not parse.</summary>
    InvalidArgument,

    /// <summary>Unknown container or exec, or a process that has already finished.</summary>
    NotFound,

    /// <summary>The id is in use.</summary>
    AlreadyExists,

    /// <summary>The host refused: device, cgroup, namespace.</summary>
    PermissionDenied,

    /// <summary>No memory, descriptors, disk space or quota.</summary>
    ResourceExhausted,

    /// <summary>A transition that the state table does not hold.</summary>
    FailedPrecondition,

    /// <summary>Lost a race, such as a sandbox stopped while it was being created.</summary>
    Aborted,

    /// <summary>A capability that is absent here.</summary>
    Unimplemented,

    /// <summary>An invariant of ours is broken.</summary>
    Internal,

    /// <summary>The guest agent or the VMM is gone.</summary>
    Unavailable,

    /// <summary>A bounded wait has ended.</summary>
    DeadlineExceeded,
}
