using Kata.Adapters.Guest.Files;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Rootfs;

/// <summary>
/// Performs the mounts of a create request onto the place where the guest will see them. An overlay's upper layer is the
/// container's own and stays writable, so that mount points which an image lacks can be made; a root that is not ours
/// alone is mounted read-only if the bundle says so.
/// </summary>
internal sealed class RootfsMounter : IRootfsMounter
{
    public async Task MountAsync(
        ContainerId container, IReadOnlyList<MountSpec> mounts, HostPath source, HostPath target, bool readOnly, IResourceLedger ledger, CancellationToken ct)
    {
        var directory = new AcquiredResource(ResourceKind.Directory, target.Value) { Owner = container };
        ledger.Record(directory);
        var mount = new AcquiredResource(ResourceKind.Mount, target.Value) { Owner = container };
        try
        {
            Directory.CreateDirectory(target.Value);
            ledger.Record(mount);
            if (mounts.Count == 0)
                ShareLayout.BindRoot(source.Value, target, target, readOnly);
            foreach (var spec in mounts)
                await MountAsync(spec, target, readOnly);
        }
        catch (IOException e)
        {
            Undo(target, mount, directory, ledger);
            throw GuestErrors.Translate(e, $"mounting the root of container {container}");
        }
        catch
        {
            Undo(target, mount, directory, ledger);
            throw;
        }
    }

    public Task MakeMountPointAsync(ContainerId container, HostPath target, IResourceLedger ledger, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var directory = new AcquiredResource(ResourceKind.Directory, target.Value) { Owner = container };
        ledger.Record(directory);
        try
        {
            Directory.CreateDirectory(target.Value);
            return Task.CompletedTask;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ledger.Forget(directory);
            throw new KataException(ErrorKind.Internal, $"making the mount point of container {container}'s root failed: {e.Message}", e);
        }
    }

    private static async Task MountAsync(MountSpec spec, HostPath target, bool readOnly)
    {
        // A target inside the root, as newer managers may give it, must not lead out of it.
        var at = spec.Target.Length == 0 || spec.Target == "/" ? target : target.Append(spec.Target.TrimStart('/'));
        if (spec.Type == "overlay")
        {
            var layers = OverlayLayers.Parse(spec.Options);
            await Mounts.MountOverlayAsync(layers.Lower, layers.Upper, layers.Work, at.Value, layers.Flags, layers.Others);
        }
        else if (spec.Options.Contains("bind") || spec.Options.Contains("rbind"))
        {
            ShareLayout.BindRoot(spec.Source, target, at, readOnly || spec.Options.Contains("ro"));
        }
        else
        {
            Mounts.Mount(spec.Source, at.Value, spec.Type, spec.Options);
        }
    }

    private static void Undo(HostPath target, AcquiredResource mount, AcquiredResource directory, IResourceLedger ledger)
    {
        Mounts.UnmountTree(target.Value);
        ledger.Forget(mount);
        if (Directory.Exists(target.Value))
            Directory.Delete(target.Value);
        ledger.Forget(directory);
    }
}
