using Kata.Core.Application.Ports;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>What of a container's root the guest's runtime mounts on, or makes if it is missing.</summary>
internal static class MountPoints
{
    /// <summary>
    /// The places, in order. Those that lie in another mount are not of the root; those of nonsense are the guest's to
    /// refuse.
    /// </summary>
    public static async Task<IReadOnlyList<MountPoint>> FindAsync(OciSpec spec, IHostFiles files, CancellationToken ct)
    {
        var points = new List<MountPoint>();
        foreach (var mount in spec.Mounts)
            await AddAsync(mount.Destination, MountOptions.IsBind(mount) ? mount.Source : null);
        // A working directory that is missing is made, too.
        await AddAsync(spec.Process?.Cwd, null);
        return points;

        async Task AddAsync(string? path, string? source)
        {
            // Nothing at the source of a bind is refused when volumes are placed.
            var found = HostPath.TryParse(source) is { } bound ? await files.LookAsync(bound, ct) : null;
            // A disk becomes a node of the container, for which an empty file would be taken.
            if (found is { Kind: HostFileKind.BlockDevice })
                return;
            if (MountPoint.TryParse(path, found is null or { Kind: HostFileKind.Directory }) is { } point
                && !points.Any(other => MountOptions.IsUnder(point.Path, other.Path)))
                points.Add(point);
        }
    }
}
