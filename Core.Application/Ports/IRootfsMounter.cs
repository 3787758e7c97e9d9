using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Mounts a container's root on the host.</summary>
public interface IRootfsMounter
{
    /// <summary>
    /// Brings a root to <paramref name="target"/>, which is made if missing. Recorded under the container before each
    /// step; undone on failure, save mount points that were made in the root.
    /// </summary>
    Task MountAsync(
        ContainerId container, ContainerRoot root, HostPath target, IResourceLedger ledger, CancellationToken ct);

    /// <summary>
    /// Makes the empty directory onto which the guest itself mounts a root. Recorded under the container; undone on
    /// failure.
    /// </summary>
    Task MakeMountPointAsync(ContainerId container, HostPath target, IResourceLedger ledger, CancellationToken ct);
}

/// <summary>A container's root as its manager hands it over.</summary>
public sealed record ContainerRoot
{
    /// <summary>
    /// What makes the root up, performed in order. With none, <see cref="Source"/> is mounted, and bound.
    /// </summary>
    public IReadOnlyList<MountSpec> Mounts { get; init; } = [];

    /// <summary>The root that the bundle names.</summary>
    public required HostPath Source { get; init; }

    /// <summary>The container must not write there.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// What the container's runtime will mount on. Those that are missing are made before a root is bound read-only,
    /// after which nobody could: the image of a pause container, for one, is a single file.
    /// </summary>
    public IReadOnlyList<MountPoint> MountPoints { get; init; } = [];
}
