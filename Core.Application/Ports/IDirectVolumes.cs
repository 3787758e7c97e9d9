using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>
/// Direct-assigned volumes: a storage plugin announces that what is to be mounted from a path is in truth on a device,
/// which the guest gets as it is (<c>mountInfo.json</c>).
/// </summary>
public interface IDirectVolumes
{
    /// <summary>
    /// The volume that was announced for a path, and null for the many that are none. InvalidArgument names what is
    /// wrong with an announcement; one that others than root could have written is PermissionDenied.
    /// </summary>
    Task<DirectVolume?> FindAsync(HostPath path, CancellationToken ct);

    /// <summary>Notes beside a volume that a sandbox uses it, for the tools that ask about it.</summary>
    Task MarkAsync(DirectVolume volume, SandboxId sandbox, CancellationToken ct);

    /// <summary>
    /// Announces a volume, in place of what was announced before; a document that <see cref="FindAsync"/> would refuse
    /// is refused.
    /// </summary>
    Task AddAsync(HostPath path, ReadOnlyMemory<byte> json, CancellationToken ct);

    /// <summary>The sandbox that uses a volume; null if none does.</summary>
    Task<SandboxId?> FindUserAsync(HostPath path, CancellationToken ct);

    /// <summary>Takes the announcement back. None is success.</summary>
    Task RemoveAsync(HostPath path, CancellationToken ct);
}

/// <summary>A volume whose filesystem is on a device that goes to the guest.</summary>
/// <param name="Directory">The directory of its announcement.</param>
/// <param name="Device">The block device, or the file that is one.</param>
/// <param name="FsType">Its filesystem.</param>
/// <param name="Options">Mount options.</param>
public sealed record DirectVolume(HostPath Directory, HostPath Device, string FsType, IReadOnlyList<string> Options)
{
    /// <summary>The group its files are given to.</summary>
    public VolumeGroup? Group { get; init; }

    /// <summary>The guest makes the filesystem first.</summary>
    public bool CreateFilesystem { get; init; }
}
