using System.Globalization;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Containers.Volumes;

/// <summary>
/// The disks of the running machine. The same device of the host is there once, however many containers use it, and
/// goes with the last of them. All of them go with the machine.
/// </summary>
internal sealed class BlockAttachments(LiveSandbox sandbox)
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly List<Disk> _disks = [];
    private IVirtualMachine? _machine;
    private int _next;

    /// <summary>The disk in the guest; added to the machine if it is not there yet.</summary>
    /// <param name="container">Who uses it.</param>
    /// <param name="path">Block device or file of the host.</param>
    /// <param name="identity">The same for every path that leads to it.</param>
    /// <param name="readOnly">Nobody can write it, whatever the guest does.</param>
    /// <param name="ct">Gives up before it is added.</param>
    public async Task<AttachedDevice> AttachAsync(
        ContainerId container, HostPath path, string identity, bool readOnly, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            ResetIfMachineChanged();
            if (_disks.Find(disk => disk.Identity == identity) is { } known)
            {
                if (known.Device.ReadOnly != readOnly)
                {
                    throw new KataException(ErrorKind.FailedPrecondition,
                        $"{path} is used {(readOnly ? "read-write" : "read-only")} by another container of the "
                        + "sandbox; both must use it in the same mode");
                }

                known.Users.Add(container);
                return known.Attached;
            }

            var hotplug = _machine?.Hotplug
                ?? throw new KataException(
                    ErrorKind.Unimplemented,
                    $"cannot hot-plug block device {path}: this VM has no hot-plug of disks");
            var device = new BlockDevice(string.Create(CultureInfo.InvariantCulture, $"vol{_next++}"), path, readOnly);
            _disks.Add(new Disk(identity, device, await hotplug.AttachAsync(device, ct), container));
            return _disks[^1].Attached;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Remembers which disk a volume of the host is on, where the guest has mounted it, and whether it stays there.
    /// </summary>
    public async Task NameAsync(
        AttachedDevice disk, HostPath volume, GuestPath mountPoint, bool stays, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            if (_disks.Find(known => known.Attached == disk) is not { } known)
                return;
            known.Volumes[volume] = mountPoint;
            known.Stays |= stays;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// The disk of a volume and where the guest has mounted it; NotFound for a volume that nobody uses here.
    /// </summary>
    public async Task<(AttachedDevice Disk, GuestPath MountPoint)> FindAsync(HostPath volume, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            ResetIfMachineChanged();
            return _disks.Find(disk => disk.Volumes.ContainsKey(volume)) is { } found
                ? (found.Attached, found.Volumes[volume])
                : throw new KataException(
                    ErrorKind.NotFound, $"no container of this sandbox uses the direct volume {volume}");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// The container uses its disks no more; the guest has unmounted them. Those that nobody else uses leave the
    /// machine.
    /// </summary>
    public async Task ReleaseAsync(ContainerId container, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            ResetIfMachineChanged();
            foreach (var disk in _disks.Where(disk => disk.Users.Contains(container)).Reverse().ToArray())
            {
                if (disk is { Users.Count: 1, Stays: false }
                    && _machine is { Exited.IsCompleted: false, Hotplug: { } hotplug })
                    await hotplug.DetachAsync(disk.Attached, ct);

                // Only now: what could not be taken away is tried again with the next deletion.
                disk.Users.Remove(container);
                if (disk is { Users.Count: 0, Stays: false })
                    _disks.Remove(disk);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// The container is gone, and the guest does not let go of its disks: those that nobody else uses stay
    /// until the machine ends.
    /// </summary>
    public async Task LeaveAsync(ContainerId container, CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            ResetIfMachineChanged();
            foreach (var disk in _disks.Where(disk => disk.Users.Remove(container)))
                disk.Stays |= disk.Users.Count == 0;
        }
        finally
        {
            _gate.Release();
        }
    }

    private void ResetIfMachineChanged()
    {
        if (ReferenceEquals(_machine, sandbox.Machine))
            return;
        _machine = sandbox.Machine;
        _disks.Clear();
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
