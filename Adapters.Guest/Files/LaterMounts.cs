using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// What the host has mounted below a followed folder, each a clone in the share: received by propagation it would be
/// refused to the host to unmount it for as long as the guest remembers a file there (ADR 25). Containers write in the
/// folder, so that no path into it is trusted: a mount is found beneath it and told by its number.
/// </summary>
/// <param name="view">The folder.</param>
/// <param name="segment">Its name in the share.</param>
/// <param name="layout">The share.</param>
internal sealed class LaterMounts(SourceView view, string segment, ShareLayout layout)
{
    private const int MaxTries = 20;

    private readonly List<Clone> _clones = [];
    private bool _isBegun;

    /// <summary>There are some.</summary>
    public bool Any => _clones.Count > 0;

    /// <summary>
    /// Makes the share like the host: takes away the clones of what is no longer there, and adds what is new. The first
    /// time all that is mounted below is new; later on only what is mounted where mounts are passed on to others.
    /// </summary>
    /// <param name="readOnly">New ones can only be read.</param>
    /// <returns>Where something was taken away, from the folder on, the innermost first.</returns>
    /// <exception cref="IOException">Something could not be shown the first time.</exception>
    public IReadOnlyList<string> Follow(bool readOnly)
    {
        var mounts = MountInfo.Read();
        var there = Below(mounts);
        // Gone with what it was mounted on.
        _clones.RemoveAll(clone => mounts.All(mount => mount.Id != clone.Id));
        var gone = Enumerable.Reverse(_clones)
            .Where(clone => !there.Exists(mount => IsSame(mount, clone.Origin)))
            .ToList();
        foreach (var clone in gone.Where(TryDetach))
            _clones.Remove(clone);

        foreach (var mount in there.Where(mount => !_clones.Exists(clone => IsSame(mount, clone.Origin))))
        {
            if (_isBegun && mounts.FirstOrDefault(one => one.Id == mount.ParentId) is not { Propagation.Count: > 0 })
                continue;
            try
            {
                if (TryClone(mount, readOnly) is { } id)
                    _clones.Add(new Clone(mount, id));
            }
            catch (LinuxException refusal) when (_isBegun || refusal.Errno == Errno.EINVAL)
            {
                // Unbindable, as a whole tree is bound without it; or a container has put something else in its way.
            }
        }

        _isBegun = true;
        return [.. gone.Select(clone => PlaceOf(clone.Origin))];
    }

    /// <summary>Those below the folder that hang together with its mount, parents first.</summary>
    private List<MountInfo> Below(IReadOnlyList<MountInfo> mounts)
    {
        var ids = new HashSet<int> { view.MountId };
        var below = new List<MountInfo>();
        int known;
        do
        {
            known = ids.Count;
            foreach (var mount in mounts)
            {
                if (ids.Contains(mount.ParentId) && mount.MountPoint.StartsWith(Prefix, StringComparison.Ordinal)
                    && ids.Add(mount.Id))
                    below.Add(mount);
            }
        }
        while (ids.Count > known);
        return below;
    }

    /// <summary>Its number in the share; null if another covers it, or what leads there has changed.</summary>
    private int? TryClone(MountInfo mount, bool readOnly)
    {
        using var source = BeneathPath.Open(view.Path);
        if (!view.IsFile(FileStatus.Of(source.Handle)))
            return null;
        using var share = BeneathPath.Open(Place);
        using var place = Find(share, PlaceOf(mount));
        using var root = Find(source, PlaceOf(mount));
        if (root is null || place is null || MountInfo.IdOf(root) != mount.Id)
            return null;
        return layout.Clone(segment, root, place, readOnly);
    }

    /// <summary>
    /// A container may have given the folder that it is mounted on another name, and goes on doing so: then it is tried
    /// again with the next change.
    /// </summary>
    private bool TryDetach(Clone clone)
    {
        var root = Place + "/";
        for (var tries = 0; tries < MaxTries; tries++)
        {
            if (MountInfo.Find(clone.Id)?.MountPoint is not { } place
                || !place.StartsWith(root, StringComparison.Ordinal))
                return true;
            try
            {
                using var share = BeneathPath.Open(Place);
                using var shown = Find(share, place[root.Length..]);
                if (shown is null || MountInfo.IdOf(shown) != clone.Id)
                    continue;
                Mounts.Detach(shown);
                return true;
            }
            catch (LinuxException)
            {
                // Gone, or its way changed, since it was looked for; the others are to be looked at all the same.
            }
        }

        return false;
    }

    private string Prefix => view.Path.TrimEnd('/') + "/";

    private string Place => layout.Mounted.Append(segment).Value;

    private string PlaceOf(MountInfo mount) => mount.MountPoint[Prefix.Length..];

    private static SafeFileHandle? Find(BeneathPath root, string place) =>
        root.TryOpenFile(place, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);

    /// <summary>A number alone is given again as soon as it is free.</summary>
    private static bool IsSame(MountInfo one, MountInfo other) =>
        (one.Id, one.DeviceMajor, one.DeviceMinor, one.Root, one.MountPoint)
        == (other.Id, other.DeviceMajor, other.DeviceMinor, other.Root, other.MountPoint);

    /// <param name="Origin">The host's mount.</param>
    /// <param name="Id">The number of ours.</param>
    private sealed record Clone(MountInfo Origin, int Id);
}
