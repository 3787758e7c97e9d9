namespace Kata.Core.Domain.Containers;

/// <summary>The part that a container plays in its sandbox, read from the bundle's annotations.</summary>
public enum ContainerKind
{
    /// <summary>A container of its own; it makes the sandbox and its end is the sandbox's.</summary>
    Single,

    /// <summary>The container that makes the pod's sandbox (the pause container).</summary>
    PodSandbox,

    /// <summary>A further container of a pod.</summary>
    PodContainer,
}
