using Kata.Core.Application.Ports;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>The size of a sandbox's <c>/dev/shm</c>.</summary>
internal static class SharedMemory
{
    // As the container engines have it.
    private const long DefaultBytes = 64 * 1024 * 1024;

    /// <summary>
    /// As the first container's <c>/dev/shm</c> has it: by its own options, or by those of the tmpfs that the container
    /// manager has made for the sandbox.
    /// </summary>
    public static async Task<long> SizeAsync(OciSpec spec, IHostFiles files, CancellationToken ct)
    {
        if (spec.Mounts.LastOrDefault(IsSharedMemory) is not { } mount)
            return DefaultBytes;
        var options = mount.Options;
        if (MountOptions.IsBind(mount))
        {
            options = HostPath.TryParse(mount.Source) is { } source
                && await files.LookAsync(source, ct) is { FsType: "tmpfs" } tmpfs
                ? tmpfs.FsOptions
                : [];
        }

        return MountOptions.Bytes(MountOptions.Value(options, "size")) is > 0 and var bytes
            ? bytes
            : DefaultBytes;
    }

    /// <summary>The mount is a container's shared memory, or takes its place.</summary>
    public static bool IsSharedMemory(OciMount mount) => mount.Destination.TrimEnd('/') == "/dev/shm";
}
