using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// The share directory of a sandbox: <c>mounts</c>, where the host puts things, and <c>shared</c>, its read-only slave,
/// which the file daemon exports. <c>mounts</c> is a shared mount of its own, so what is mounted below it later appears
/// in the slave, and in the copy of it that the daemon has in its mount namespace, whatever the host's root is. The
/// guest can write only inside of what was mounted for it, never beside it.
/// </summary>
internal sealed class ShareLayout
{
    /// <summary>A path segment has 255 bytes.</summary>
    private const int LongestName = 255;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly HostPath _root;
    private readonly IResourceLedger _ledger;

    private ShareLayout(HostPath root, IResourceLedger ledger)
    {
        _root = root;
        _ledger = ledger;
        Mounted = root.Append("mounts");
        Exported = root.Append("shared");
        Staging = root.Append("private");
    }

    /// <summary>Where the host puts things.</summary>
    public HostPath Mounted { get; }

    /// <summary>What the daemon exports.</summary>
    public HostPath Exported { get; }

    private HostPath Staging { get; }

    /// <summary>Makes the directories and mounts; nothing of them is left if it fails.</summary>
    public static ShareLayout Create(HostPath root, IResourceLedger ledger)
    {
        var layout = new ShareLayout(root, ledger);
        try
        {
            ledger.Record(layout.RootResource);
            // A tree of an earlier sandbox of this name would be found and used.
            Mounts.UnmountTree(root.Value);
            // The guest cannot make a directory here, and puts its copies of watched volumes on this one.
            foreach (var directory in (HostPath[])[root, layout.Mounted, layout.Mounted.Append("watchable"),
                layout.Exported, layout.Staging])
                Directory.CreateDirectory(directory.Value, OwnerOnly);

            ledger.Record(MountOf(layout.Mounted));
            Mounts.Bind(layout.Mounted.Value, layout.Mounted.Value, recursive: false);
            // Private first: in a peer group with the mount it was cloned from, it would pass everything on to there.
            Mounts.SetPropagation(layout.Mounted.Value, MountFlags.MS_PRIVATE);
            Mounts.SetPropagation(layout.Mounted.Value, MountFlags.MS_SHARED);

            ledger.Record(MountOf(layout.Exported));
            Mounts.Bind(layout.Mounted.Value, layout.Exported.Value, recursive: false);
            Mounts.SetPropagation(layout.Exported.Value, MountFlags.MS_SLAVE);
            Mounts.MakeReadOnly(layout.Exported.Value, recursive: false);
            return layout;
        }
        catch (IOException failure)
        {
            layout.Release();
            throw GuestErrors.Translate(failure, "making the share directory");
        }
        catch
        {
            layout.Release();
            throw;
        }
    }

    /// <summary>Where a container's root is mounted.</summary>
    public HostPath RootfsTarget(ContainerId container) => Mounted.Append($"{container}/rootfs");

    /// <summary>Binds a root that exists already to its place, with what is mounted below it.</summary>
    public static void BindRoot(string source, HostPath rootfsTarget) => Bind(source, rootfsTarget);

    /// <summary>The same, read-only also where the mount is propagated to.</summary>
    /// <param name="source">What is bound.</param>
    /// <param name="staged">A place out of the guest's sight, made and left empty.</param>
    /// <param name="target">Where to.</param>
    /// <param name="prepare">Called with the bound root while it can still be written.</param>
    public static void BindRootReadOnly(string source, HostPath staged, HostPath target, Action<string> prepare)
    {
        Directory.CreateDirectory(staged.Value);
        Stage(source, staged, ShareAccess.ReadOnly, recursive: true, () => Bind(staged.Value, target), prepare);
        Directory.Delete(staged.Value);
    }

    /// <summary>
    /// A place for a root while it is made, beside the share. What it is for cannot be part of an id.
    /// </summary>
    public static HostPath StagingOf(HostPath rootfsTarget, string purpose)
    {
        var container = Path.GetDirectoryName(rootfsTarget.Value);
        var root = HostPath.Parse(Path.GetDirectoryName(Path.GetDirectoryName(container)), "share directory");
        return root.Append($"private/{Path.GetFileName(container)}:{purpose}");
    }

    /// <summary>Shows a file or directory to the guest.</summary>
    /// <param name="container">In whose name it is written down.</param>
    /// <param name="held">What is shown.</param>
    /// <param name="source">How it was opened, for messages.</param>
    /// <param name="segment">Its name in the share, which nothing has.</param>
    /// <param name="isDirectory">What it is.</param>
    /// <param name="access">Read-only is set on the host.</param>
    /// <param name="isFollowed">
    /// Without what is mounted below: what is mounted there by <see cref="Clone"/> reaches the daemon too.
    /// </param>
    public void Share(
        ContainerId container, SafeFileHandle held, HostPath source, string segment, bool isDirectory,
        ShareAccess access,
        bool isFollowed)
    {
        var target = Mounted.Append(segment);
        _ledger.Record(ResourceOf(segment, container));
        try
        {
            using (var mounts = BeneathPath.Open(Mounted.Value))
                MakeTarget(mounts, segment, isDirectory);
            ByStaging(segment, isDirectory, staged => Stage(PathOf(held), staged, access, recursive: !isFollowed, () =>
            {
                if (isFollowed)
                    Mounts.Bind(staged.Value, target.Value, recursive: false);
                else
                    Bind(staged.Value, target);
            }));
        }
        catch (IOException failure)
        {
            try
            {
                Remove(segment, isDirectory, container);
            }
            catch (IOException)
            {
                // The ledger still has it.
            }

            throw GuestErrors.Translate(failure, $"sharing {source} with the guest");
        }
    }

    /// <summary>
    /// Shows a mount of the host inside of a followed folder; it stays when what it was made from goes.
    /// </summary>
    /// <param name="segment">The folder's name in the share.</param>
    /// <param name="root">The mount's root. Closed as soon as may be: for so long the host cannot unmount it.</param>
    /// <param name="place">A file or folder in the shared folder, as the root is.</param>
    /// <param name="readOnly">Whatever the host's is.</param>
    /// <returns>Its number in the share; null if the kernel tells none.</returns>
    /// <exception cref="IOException">It cannot be shown.</exception>
    public int? Clone(string segment, SafeFileHandle root, SafeFileHandle place, bool readOnly)
    {
        int? number = null;
        ByStaging(segment, FileStatus.Of(place).IsDirectory, staged => Stage(
            PathOf(root), staged, readOnly ? ShareAccess.ReadOnly : ShareAccess.ReadWrite, recursive: false,
            () =>
            {
                root.Dispose();
                using var shown = Mounts.Clone(staged.Value, place);
                number = MountInfo.IdOf(shown);
            }));
        return number;
    }

    /// <summary>Takes out what <see cref="Share"/> put there; already gone is success.</summary>
    public void Remove(string segment, bool isDirectory, ContainerId container)
    {
        // What is mounted below it keeps the slave's mount when the other goes.
        foreach (var place in PlacesOf(segment))
            Mounts.UnmountTree(place);
        // Never with what is in it: that would be somebody's data, if it were still mounted.
        using (var mounts = BeneathPath.Open(Mounted.Value))
            _ = isDirectory ? mounts.DeleteDirectory(segment) : mounts.DeleteFile(segment);
        _ledger.Forget(ResourceOf(segment, container));
    }

    /// <summary>What is written down for each container that has it.</summary>
    public AcquiredResource ResourceOf(string segment, ContainerId container) =>
        MountOf(Mounted.Append(segment)) with { Owner = container };

    /// <summary>Where it is mounted, as this process sees it.</summary>
    public IEnumerable<string> PlacesOf(string segment) =>
        [Exported.Append(segment).Value, Mounted.Append(segment).Value];

    /// <summary>The name, or a like one that nothing in the share has.</summary>
    public string FreeName(string segment)
    {
        var free = segment;
        for (var number = 2; Path.Exists(Mounted.Append(free).Value); number++)
            free = Segment($"{number}-{segment}");
        return free;
    }

    /// <summary>
    /// What the guest finds at a path in something that is shared; null if there is nothing, or a link on the way.
    /// </summary>
    public FileStatus? Find(string segment, string below)
    {
        try
        {
            using var root = BeneathPath.Open(Exported.Append(segment).Value);
            using var found = root.TryOpenFile(below, OpenFlags.O_PATH | OpenFlags.O_NOFOLLOW);
            return found is null ? null : FileStatus.Of(found);
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    /// <summary>Takes everything away. Does not fail: what could not be released stays in the ledger.</summary>
    public void Release()
    {
        try
        {
            Mounts.UnmountTree(_root.Value);
            _ledger.Forget(MountOf(Exported));
            _ledger.Forget(MountOf(Mounted));
            if (Path.GetDirectoryName(_root.Value) is { } parent && Directory.Exists(parent))
            {
                using var above = BeneathPath.Open(parent);
                above.DeleteTree(_root.Name);
            }
            _ledger.Forget(RootResource);
        }
        catch (IOException)
        {
            // The ledger still has it.
        }
    }

    private AcquiredResource RootResource => new(ResourceKind.Directory, _root.Value);

    private static AcquiredResource MountOf(HostPath target) => new(ResourceKind.Mount, target.Value);

    private static void Bind(string from, HostPath target)
    {
        Mounts.Bind(from, target.Value);
        // As a peer of its source, taking it away with what is mounted below would take that away from the host too.
        Mounts.SetPropagation(target.Value, MountFlags.MS_SLAVE | MountFlags.MS_REC);
    }

    /// <summary>
    /// A mount that is made read-only or private where the guest sees it would stay as it was in the copies that it was
    /// propagated to; so it is made so out of sight, and bound from there.
    /// </summary>
    private static void Stage(
        string from, HostPath staged, ShareAccess access, bool recursive, Action bind, Action<string>? prepare = null)
    {
        try
        {
            Mounts.Bind(from, staged.Value, recursive);
            Mounts.SetPropagation(staged.Value, MountFlags.MS_REC | MountFlags.MS_PRIVATE);
            prepare?.Invoke(staged.Value);
            if (access != ShareAccess.ReadWrite)
                Mounts.MakeReadOnly(staged.Value, recursive: access == ShareAccess.ReadOnly);
            bind();
        }
        finally
        {
            Mounts.UnmountTree(staged.Value);
        }
    }

    private void ByStaging(string segment, bool isDirectory, Action<HostPath> work)
    {
        var staged = Staging.Append(segment);
        var resource = MountOf(staged);
        _ledger.Record(resource);
        try
        {
            using (var staging = BeneathPath.Open(Staging.Value))
                MakeTarget(staging, segment, isDirectory);
            work(staged);
        }
        finally
        {
            using (var staging = BeneathPath.Open(Staging.Value))
                staging.DeleteTree(segment);
            _ledger.Forget(resource);
        }
    }

    private static string PathOf(SafeFileHandle held) => $"/proc/self/fd/{held.DangerousGetHandle()}";

    private static void MakeTarget(BeneathPath parent, string segment, bool isDirectory)
    {
        if (isDirectory)
            parent.CreateDirectory(segment, 0x1C0).Dispose();
        else
            parent.OpenFile(segment, OpenFlags.O_WRONLY | OpenFlags.O_CREAT, 0x180).Dispose();
    }

    /// <summary>
    /// Opens a source to look at it and to bind it. It is a path without links; one that is there all the same was put
    /// there since it was looked at, and leads wherever somebody else likes.
    /// </summary>
    public static SafeFileHandle Open(HostPath source)
    {
        try
        {
            using var root = BeneathPath.Open("/");
            return root.OpenFile(source.Value.TrimStart('/'), OpenFlags.O_PATH);
        }
        catch (LinuxException refusal) when (refusal.Errno == Errno.ELOOP)
        {
            throw new KataException(
                ErrorKind.InvalidArgument,
                $"{source}, which is mounted into the container, has become a link, or lies behind one, "
                + "since it was looked at",
                refusal);
        }
        catch (LinuxException refusal)
        {
            throw GuestErrors.Translate(
                new LinuxException(refusal.Errno, refusal.Call, source.Value),
                $"opening {source}, which is mounted into the container,");
        }
    }

    /// <summary>A name as one path segment, cut to the length that one may have.</summary>
    public static string Segment(string name)
    {
        if (name.Length == 0 || name is "." or ".." || name.Contains('/') || name.Contains('\0'))
            throw new KataException(ErrorKind.InvalidArgument, "the name of a shared path is not one path segment");
        while (Encoding.UTF8.GetByteCount(name) > LongestName)
            name = name[..^1];
        return name;
    }
}
