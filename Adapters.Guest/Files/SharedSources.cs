using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// What is shared with a guest, each file of the host once: the file daemon tells files apart by their mount too, so
/// that with a mount for each container, locks, sockets and mappings of one container would not be those of another
/// (ADR 21). Not for calls at the same time.
/// </summary>
internal sealed class SharedSources(ShareLayout layout, DaemonMounts daemon, IResourceLedger ledger, TimeProvider time)
{
    // Files that a container has left open are closed in the daemon some milliseconds after its end.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private const int MostPauses = 25;

    private readonly List<SharedSource> _sources = [];

    /// <summary>
    /// Joins what is shared already, or shares it. It is held while it is looked at, so that what is bound is what was
    /// looked at.
    /// </summary>
    public async Task<SharedPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation, bool mayBePart)
    {
        var segment = ShareLayout.Segment(name);
        using var held = ShareLayout.Open(source);
        var view = SourceView.Of(held, access, propagation);
        foreach (var shared in _sources.Where(shared => shared.View.IsSame(view)))
        {
            if (MayJoin(shared) || await TryLetWriteAsync(shared))
                return Join(shared, "", container, access);
        }

        foreach (var shared in _sources.Where(shared => mayBePart && MayJoin(shared)))
        {
            if (shared.View.PathTo(view) is { } below && layout.Find(shared.Segment, below) is { } status && view.IsFile(status))
                return Join(shared, below, container, access);
        }

        var free = layout.FreeName(segment);
        layout.Share(container, held, source, free, view.IsDirectory, access, propagation);
        var added = new SharedSource(view, free) { IsWritable = access == ShareAccess.ReadWrite && !view.IsReadOnly };
        added.Add(container, access);
        _sources.Add(added);
        return PathOf(added, "");

        bool MayJoin(SharedSource shared) => access != ShareAccess.ReadWrite || shared.IsWritable || view.IsReadOnly;
    }

    /// <summary>
    /// A container goes. What the last one had is taken out of the share; what only readers are left of is made
    /// read-only.
    /// </summary>
    public async Task LeaveAsync(ContainerId container)
    {
        foreach (var shared in Enumerable.Reverse(_sources).Where(shared => shared.IsUsedBy(container)).ToList())
        {
            shared.Remove(container);
            if (shared.IsUsed)
            {
                ledger.Forget(layout.ResourceOf(shared.Segment, container));
                if (shared.IsWritable && !shared.IsWritten)
                    await HoldReadersBackAsync(shared);
                continue;
            }

            try
            {
                layout.Remove(shared.Segment, shared.View.IsDirectory, container);
                _sources.Remove(shared);
            }
            catch (IOException failure)
            {
                shared.Add(container, ShareAccess.ReadOnly);
                throw GuestErrors.Translate(failure, $"taking {shared.Segment} out of the share");
            }
        }
    }

    private SharedPath Join(SharedSource shared, string below, ContainerId container, ShareAccess access)
    {
        ledger.Record(layout.ResourceOf(shared.Segment, container));
        shared.Add(container, access);
        return PathOf(shared, below);
    }

    /// <summary>
    /// Until now only readers had it. Where others are mounted below, some may be read-only by the host's own wish,
    /// which is no longer to be told from ours: then the writer gets a share of its own.
    /// </summary>
    private async Task<bool> TryLetWriteAsync(SharedSource shared)
    {
        if (shared.View.HasMounts)
            return false;
        try
        {
            await ChangeAsync(shared, Mounts.MakeWritable);
            return shared.IsWritable = true;
        }
        catch (IOException)
        {
            await HoldReadersBackAsync(shared);
            return false;
        }
    }

    /// <summary>
    /// The guest's own mounts hold the readers back as well, and what it keeps open for writing past its time only
    /// delays the host's.
    /// </summary>
    private async Task HoldReadersBackAsync(SharedSource shared)
    {
        for (var pauses = 0; ; pauses++)
        {
            try
            {
                await ChangeAsync(shared, path => Mounts.MakeReadOnly(path, recursive: shared.View.HasMounts && !shared.View.IsTopOnly));
                shared.IsWritable = false;
                return;
            }
            catch (IOException) when (pauses < MostPauses)
            {
                await Task.Delay(Pause, time);
            }
            catch (IOException)
            {
                // It stays as it was while there was a writer, until the next one leaves.
                return;
            }
        }
    }

    /// <summary>
    /// The daemon's own mount counts; the others are those that it would be made of if it were started now.
    /// </summary>
    private async Task ChangeAsync(SharedSource shared, Action<string> change)
    {
        await daemon.ChangeAsync(shared, change);
        foreach (var path in layout.PlacesOf(shared.Segment))
            change(path);
    }

    private static SharedPath PathOf(SharedSource shared, string below) => new(GuestPaths.Share.Append(shared.Segment), below);
}
