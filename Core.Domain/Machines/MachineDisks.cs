using System.Globalization;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Machines;

/// <summary>
/// The disks that were added to a machine. The same device of the host is there once, however many containers use it,
/// and goes with the last of them; all of them go with the machine.
/// </summary>
public sealed class MachineDisks
{
    private readonly List<Disk> _disks = [];
    private int _next;

    /// <summary>
    /// The disk of a device that is in the machine already, from now on used by this container too; null if it is not.
    /// </summary>
    /// <param name="container">Who uses it.</param>
    /// <param name="identity">The same for every path that leads to the device.</param>
    /// <param name="path">Block device or file of the host.</param>
    /// <param name="readOnly">Nobody can write it, whatever the guest does.</param>
    /// <exception cref="KataException">
    /// FailedPrecondition if another container uses it in the other mode.
    /// </exception>
    public AttachedDevice? Join(ContainerId container, string identity, HostPath path, bool readOnly)
    {
        if (_disks.Find(disk => disk.Identity == identity) is not { } known)
            return null;
        if (known.Device.ReadOnly != readOnly)
        {
            throw new KataException(ErrorKind.FailedPrecondition,
                $"{path} is used {(readOnly ? "read-write" : "read-only")} by another container of the "
                + "sandbox; both must use it in the same mode");
        }

        known.Users.Add(container);
        return known.Attached;
    }

    /// <summary>A device to add, with a name that no other has had.</summary>
    public BlockDevice Next(HostPath path, bool readOnly) =>
        new(string.Create(CultureInfo.InvariantCulture, $"vol{_next++}"), path, readOnly);

    /// <summary>The machine has it.</summary>
    public void RecordAttached(ContainerId container, string identity, BlockDevice device, AttachedDevice attached) =>
        _disks.Add(new Disk(identity, device, attached, container));

    /// <summary>A volume of the host is on this disk, and the guest has mounted it there.</summary>
    /// <param name="attached">The disk.</param>
    /// <param name="volume">The volume by its path on the host.</param>
    /// <param name="mountPoint">Where the guest has it.</param>
    /// <param name="stays">The guest keeps it mounted until the machine ends.</param>
    public void RecordVolume(AttachedDevice attached, HostPath volume, GuestPath mountPoint, bool stays)
    {
        if (_disks.Find(disk => disk.Attached == attached) is not { } known)
            return;
        known.Volumes[volume] = mountPoint;
        known.Stays |= stays;
    }

    /// <summary>The disk of a volume and where the guest has mounted it.</summary>
    /// <exception cref="KataException">NotFound for a volume that nobody uses here.</exception>
    public (AttachedDevice Disk, GuestPath MountPoint) Find(HostPath volume) =>
        _disks.Find(disk => disk.Volumes.ContainsKey(volume)) is { } found
            ? (found.Attached, found.Volumes[volume])
            : throw new KataException(
                ErrorKind.NotFound, $"no container of this sandbox uses the direct volume {volume}");

    /// <summary>
    /// The disks that a container uses, last added first, and of each whether it is to leave the machine with it.
    /// </summary>
    public IReadOnlyList<(AttachedDevice Disk, bool Leaves)> UsedBy(ContainerId container) =>
        [.. _disks.Where(disk => disk.Users.Contains(container)).Reverse()
            .Select(disk => (disk.Attached, disk is { Users.Count: 1, Stays: false }))];

    /// <summary>The container uses it no more; one that was to leave has left.</summary>
    public void RecordReleased(ContainerId container, AttachedDevice attached)
    {
        if (_disks.Find(disk => disk.Attached == attached) is not { } known)
            return;
        known.Users.Remove(container);
        if (known is { Users.Count: 0, Stays: false })
            _disks.Remove(known);
    }

    /// <summary>
    /// The container is gone, and the guest does not release its disks: those that nobody else uses stay until the
    /// machine ends.
    /// </summary>
    public void RecordAbandoned(ContainerId container)
    {
        foreach (var disk in _disks.Where(disk => disk.Users.Remove(container)))
            disk.Stays |= disk.Users.Count == 0;
    }

    private sealed class Disk(string identity, BlockDevice device, AttachedDevice attached, ContainerId user)
    {
        public string Identity => identity;

        public BlockDevice Device => device;

        public AttachedDevice Attached => attached;

        public HashSet<ContainerId> Users { get; } = [user];

        /// <summary>The guest keeps it mounted until the machine ends.</summary>
        public bool Stays { get; set; }

        public Dictionary<HostPath, GuestPath> Volumes { get; } = [];
    }
}
