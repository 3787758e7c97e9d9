using Kata.Adapters.Guest.Cgroups;
using Kata.Adapters.Guest.Network;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Cleanup;

/// <summary>One release per kind of resource, each idempotent: already gone is success.</summary>
internal sealed class ResourceReleaser : IResourceReleaser
{
    public async Task ReleaseAsync(AcquiredResource resource, CancellationToken ct)
    {
        try
        {
            switch (resource.Kind)
            {
                case ResourceKind.Process:
                    await KillAsync(resource, ct);
                    break;
                case ResourceKind.Mount:
                    Mounts.UnmountTree(resource.Name);
                    RemoveMountPoint(resource.Name);
                    break;
                case ResourceKind.Directory:
                    RemoveDirectory(resource.Name);
                    break;
                case ResourceKind.SocketFile:
                    if (File.Exists(resource.Name))
                        File.Delete(resource.Name);
                    break;
                case ResourceKind.Cgroup:
                    await CgroupRemoval.RemoveAsync(resource.Name, ct);
                    break;
                case ResourceKind.Tap:
                case ResourceKind.Qdisc:
                    await NetworkRelease.ReleaseAsync(resource);
                    break;
                case ResourceKind.NetworkNamespace:
                    Namespaces.Remove(resource.Name);
                    break;
                default:
                    throw new KataException(
                        ErrorKind.Unimplemented, $"this version does not know how to release a {resource.Kind}");
            }
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"releasing {resource.Kind} {resource.Name}");
        }
    }

    private static async Task KillAsync(AcquiredResource resource, CancellationToken ct)
    {
        // Without a pid the process was never started, or its parent-death signal has ended it with the shim.
        if (resource.ProcessId <= 0)
            return;
        using var process = PidFd.TryOpen(resource.ProcessId, (long)resource.StartTime);
        if (process is null || !process.SendSignal(Signals.SIGKILL))
            return;
        await process.WaitAsync(ct);
    }

    // Whoever mounted has made the place for it. What is not empty is a directory of the share, which goes later.
    private static void RemoveMountPoint(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path);
            else if (new FileInfo(path) is { Exists: true, Length: 0 })
                File.Delete(path);
        }
        catch (IOException)
        {
            // The sandbox's directory takes it along.
        }
    }

    private static void RemoveDirectory(string path)
    {
        // A tree is never removed through a mount: what is mounted there is somebody's data.
        Mounts.UnmountTree(path);
        var prefix = path.TrimEnd('/') + "/";
        if (MountInfo.Read().FirstOrDefault(m => m.MountPoint == path
            || m.MountPoint.StartsWith(prefix, StringComparison.Ordinal)) is { } still)
            throw new KataException(ErrorKind.Internal, $"{still.MountPoint} is still mounted");

        var parent = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(parent))
            return;
        using (var root = BeneathPath.Open(parent))
            root.DeleteTree(Path.GetFileName(path));

        // A container's root lies in a directory of its own.
        if (Path.GetFileName(path) == "rootfs")
            RemoveMountPoint(parent);
    }
}
