using Kata.Adapters.Guest.Files;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Rootfs;

/// <summary>
/// Performs the mounts of a create request onto the place where the guest will see them. An overlay's upper layer is
/// the container's own and stays writable, so that mount points which an image lacks can be made; any other root is
/// bound read-only if the bundle says so, as others may use it too, and the missing mount points are made before (ADR
/// 18).
/// </summary>
internal sealed class RootfsMounter : IRootfsMounter
{
    public async Task MountAsync(
        ContainerId container, ContainerRoot root, HostPath target, IResourceLedger ledger, CancellationToken ct)
    {
        var directory = new AcquiredResource(ResourceKind.Directory, target.Value) { Owner = container };
        ledger.Record(directory);
        var mount = new AcquiredResource(ResourceKind.Mount, target.Value) { Owner = container };
        try
        {
            Directory.CreateDirectory(target.Value);
            ledger.Record(mount);
            if (root.Mounts.Count == 0)
                Bind(root.Source.Value, root, target, target);
            foreach (var spec in root.Mounts)
                await MountAsync(spec, root, target);
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

    public Task MakeMountPointAsync(
        ContainerId container, HostPath target, IResourceLedger ledger, CancellationToken ct)
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
            throw new KataException(
                ErrorKind.Internal, $"making the mount point of container {container}'s root failed: {e.Message}", e);
        }
    }

    private static Task MountAsync(MountSpec spec, ContainerRoot root, HostPath target) =>
        spec.Target is "" or "/" ? PerformAsync(spec, root, target, target) : MountInsideAsync(spec, root, target);

    /// <summary>
    /// A place inside the root, as newer managers may give it, is found without following a link of the image, and
    /// mounted on by its descriptor. What follows the mount itself, such as making it read-only, would act on what is
    /// below it: so all is done out of sight, and bound from there.
    /// </summary>
    private static async Task MountInsideAsync(MountSpec spec, ContainerRoot root, HostPath target)
    {
        using var above = BeneathPath.Open(target.Value);
        using var inside = above.OpenDirectory(spec.Target.Trim('/'));
        var staged = ShareLayout.StagingOf(target, "inside");
        Directory.CreateDirectory(staged.Value);
        try
        {
            await PerformAsync(spec, root with { MountPoints = [] }, target, staged);
            Mounts.SetPropagation(staged.Value, MountFlags.MS_PRIVATE | MountFlags.MS_REC);
            Mounts.Bind(staged.Value, inside.DescriptorPath);
        }
        finally
        {
            Mounts.UnmountTree(staged.Value);
            Directory.Delete(staged.Value);
        }
    }

    private static async Task PerformAsync(MountSpec spec, ContainerRoot root, HostPath target, HostPath at)
    {
        if (spec.Type == "overlay")
        {
            var layers = OverlayLayers.Parse(spec.Options);
            await Mounts.MountOverlayAsync(
                layers.Lower, layers.Upper, layers.Work, at.Value, layers.Flags, layers.Others);
        }
        else if (spec.Options.Contains("bind") || spec.Options.Contains("rbind"))
        {
            // The manager's own "ro" means that nobody is to write there, not even a mount point: a layer of an image.
            if (spec.Options.Contains("ro"))
                Bind(spec.Source, root with { ReadOnly = true, MountPoints = [] }, target, at);
            else
                Bind(spec.Source, root, target, at);
        }
        else
        {
            Mounts.Mount(spec.Source, at.Value, spec.Type, spec.Options);
        }
    }

    private static void Bind(string source, ContainerRoot root, HostPath target, HostPath at)
    {
        if (root.ReadOnly)
            ShareLayout.BindRootReadOnly(
                source, ShareLayout.StagingOf(target, "root"), at, bound => MakeMountPoints(bound, root.MountPoints));
        else
            ShareLayout.BindRoot(source, at);
    }

    private static void MakeMountPoints(string root, IReadOnlyList<MountPoint> points)
    {
        foreach (var point in points)
            MountPointMaker.Make(root, point);
    }

    private static void Undo(
        HostPath target, AcquiredResource mount, AcquiredResource directory, IResourceLedger ledger)
    {
        Mounts.UnmountTree(target.Value);
        ledger.Forget(mount);
        if (Directory.Exists(target.Value))
            Directory.Delete(target.Value);
        ledger.Forget(directory);
    }
}
