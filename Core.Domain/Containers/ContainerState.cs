namespace Kata.Core.Domain.Containers;

/// <summary>Where a container is in its life.</summary>
public enum ContainerState
{
    /// <summary>Being prepared; nobody has been told of it.</summary>
    Creating,

    /// <summary>Prepared; its process has not run.</summary>
    Created,

    /// <summary>Its init runs.</summary>
    Running,

    /// <summary>Its processes are frozen.</summary>
    Paused,

    /// <summary>Its init has ended, or could not be started.</summary>
    Stopped,

    /// <summary>Gone.</summary>
    Deleted,
}
