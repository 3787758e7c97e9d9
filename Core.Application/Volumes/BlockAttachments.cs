using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>
/// Hot-plugs disks into a sandbox's machine and takes them out; what is there for whom is
/// <see cref="MachineDisks"/>' to know. One change at a time.
/// </summary>
internal sealed class BlockAttachments : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>The disk in the guest; added to the machine if it is not there yet.</summary>
    /// <param name="sandbox">Whose machine.</param>
    /// <param name="container">Who uses it.</param>
    /// <param name="file">Block device or file of the host.</param>
    /// <param name="readOnly">Nobody can write it, whatever the guest does.</param>
    /// <param name="ct">Gives up before it is added.</param>
    /// <exception cref="KataException">
    /// FailedPrecondition if another container uses it in the other mode; Unimplemented if the VMM cannot add disks.
    /// </exception>
    public Task<AttachedDevice> AttachAsync(
        SandboxHandles.Ready sandbox, ContainerId container, HostFile file, bool readOnly, CancellationToken ct) =>
        InTurnAsync(async () =>
        {
            var (disks, path) = (sandbox.Machine.Disks, file.RealPath);
            if (disks.Join(container, file.Identity, path, readOnly) is { } known)
                return known;
            var hotplug = sandbox.Vm.Hotplug
                ?? throw new KataException(
                    ErrorKind.Unimplemented,
                    $"cannot hot-plug block device {path}: this VM has no hot-plug of disks");
            var device = disks.Next(path, readOnly);
            var attached = await hotplug.AttachAsync(device, ct);
            disks.RecordAttached(container, file.Identity, device, attached);
            return attached;
        }, ct);

    /// <summary>
    /// Remembers which disk a volume of the host is on, where the guest has mounted it, and whether it stays there.
    /// </summary>
    public Task NameAsync(
        SandboxHandles.Ready sandbox, AttachedDevice disk, HostPath volume, GuestPath mountPoint, bool stays,
        CancellationToken ct) =>
        InTurnAsync(() =>
        {
            sandbox.Machine.Disks.RecordVolume(disk, volume, mountPoint, stays);
            return Task.FromResult(true);
        }, ct);

    /// <summary>
    /// The disk of a volume and where the guest has mounted it; NotFound for a volume that nobody uses here.
    /// </summary>
    public Task<(AttachedDevice Disk, GuestPath MountPoint)> FindAsync(
        SandboxHandles.Ready sandbox, HostPath volume, CancellationToken ct) =>
        InTurnAsync(() => Task.FromResult(sandbox.Machine.Disks.Find(volume)), ct);

    /// <summary>
    /// The container uses its disks no more; the guest has unmounted them. Those that nobody else uses leave the
    /// machine.
    /// </summary>
    public Task ReleaseAsync(SandboxHandles.Ready sandbox, ContainerId container, CancellationToken ct) =>
        InTurnAsync(async () =>
        {
            foreach (var (disk, leaves) in sandbox.Machine.Disks.UsedBy(container))
            {
                if (leaves && sandbox.Vm is { Exited.IsCompleted: false, Hotplug: { } hotplug })
                    await hotplug.DetachAsync(disk, ct);

                // Only now: what could not be taken away is tried again with the next deletion.
                sandbox.Machine.Disks.RecordReleased(container, disk);
            }

            return true;
        }, ct);

    /// <summary>
    /// The container is gone, and the guest does not release its disks: those that nobody else uses stay
    /// until the machine ends.
    /// </summary>
    public Task LeaveAsync(SandboxHandles.Ready sandbox, ContainerId container, CancellationToken ct) =>
        InTurnAsync(() =>
        {
            sandbox.Machine.Disks.RecordAbandoned(container);
            return Task.FromResult(true);
        }, ct);

    public void Dispose() => _turn.Dispose();

    private async Task<T> InTurnAsync<T>(Func<Task<T>> change, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            return await change();
        }
        finally
        {
            _turn.Release();
        }
    }
}
