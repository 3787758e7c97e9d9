using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Mounts a container's root on the host.</summary>
public interface IRootfsMounter
{
    /// <summary>
    /// Performs the mounts in order onto <paramref name="target"/>, which is made if missing. With an empty list
    /// <paramref name="source"/> (already mounted) is bound there. Recorded under the container before each; undone on failure.
    /// </summary>
    Task MountAsync(ContainerId container, IReadOnlyList<MountSpec> mounts, HostPath source, HostPath target, bool readOnly, IResourceLedger ledger, CancellationToken ct);

    /// <summary>Makes the empty directory onto which the guest itself mounts a root. Recorded under the container; undone on failure.</summary>
    Task MakeMountPointAsync(ContainerId container, HostPath target, IResourceLedger ledger, CancellationToken ct);
}
