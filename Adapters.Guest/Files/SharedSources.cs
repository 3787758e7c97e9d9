using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;
using Polly;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// What is shared with a guest, each file of the host once: the file daemon tells files apart by their mount too, so
/// that with a mount for each container, locks, sockets and mappings of one container would not be those of another
/// (ADR 21). Not for calls at the same time.
/// </summary>
internal sealed class SharedSources(ShareLayout layout, DaemonMounts daemon, IResourceLedger ledger, TimeProvider time)
{
    // Files that a container has left open are closed in the daemon some milliseconds after its end.
    private readonly ResiliencePipeline _whileKeptOpen = Retries.Build(
        "share-kept-open", time, 25, TimeSpan.FromMilliseconds(20), static e => e is IOException);

    private readonly List<SharedSource> _sources = [];

    /// <summary>
    /// Joins what is shared already, or shares it. It is held while it is looked at, so that what is bound is what was
    /// looked at.
    /// </summary>
    public async Task<SharedPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation,
        bool mayBePart, CancellationToken ct)
    {
        var segment = ShareLayout.Segment(name);
        using var seen = await LookAsync(source, access, propagation, ct);
        var (held, view) = seen;
        foreach (var shared in _sources.Where(shared => shared.View.IsSame(view)))
        {
            if (MayJoin(shared) || await TryLetWriteAsync(shared))
                return Join(shared, "", container, access);
        }

        foreach (var shared in _sources.Where(shared => mayBePart && MayJoin(shared)))
        {
            if (shared.View.PathTo(view) is { } below
                && await OwnThread.RunAsync(() => layout.Find(shared.Segment, below), ct) is { } status
                && view.IsFile(status))
                return Join(shared, below, container, access);
        }

        var added = Add(container, held, view, source, layout.FreeName(segment), access);
        added.Add(container, access);
        _sources.Add(added);
        return PathOf(added, "");

        bool MayJoin(SharedSource shared) => access != ShareAccess.ReadWrite || shared.IsWritable || view.IsReadOnly;
    }

    /// <summary>Something that is shared is to show what the host mounts below it.</summary>
    public bool IsFollowing => _sources.Exists(shared => shared.Later is not null);

    /// <summary>The host's mounts have changed.</summary>
    /// <returns>Where the host has taken something back.</returns>
    public IReadOnlyList<GuestPath> Follow()
    {
        var gone = new List<GuestPath>();
        foreach (var shared in _sources.ToArray())
        {
            foreach (var place in shared.Later?.Follow(shared.IsReadOnlyBelow) ?? [])
                gone.Add(GuestPaths.Share.Append($"{shared.Segment}/{place}"));
        }

        return gone;
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

    /// <summary>Its filesystem may be one that answers no more, such as that of a server which is gone.</summary>
    private static async Task<Seen> LookAsync(
        HostPath source, ShareAccess access, SharePropagation propagation, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        try
        {
            return await OwnThread.RunAsync(
                () =>
                {
                    var held = ShareLayout.Open(source);
                    try
                    {
                        return new Seen(held, SourceView.Of(held, access, propagation));
                    }
                    catch
                    {
                        held.Dispose();
                        throw;
                    }
                },
                ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw GuestErrors.Stalled(source);
        }
        catch (LinuxException refusal)
        {
            throw GuestErrors.Translate(refusal, $"looking at {source}, which is mounted into the container,");
        }
    }

    private SharedSource Add(
        ContainerId container, SafeFileHandle held, SourceView view, HostPath source, string segment,
        ShareAccess access)
    {
        layout.Share(container, held, source, segment, view.IsDirectory, access, view.IsFollowed);
        var added = new SharedSource(view, segment, view.IsFollowed ? new LaterMounts(view, segment, layout) : null)
        {
            IsWritable = access == ShareAccess.ReadWrite && !view.IsReadOnly,
        };
        try
        {
            added.Later?.Follow(access == ShareAccess.ReadOnly);
            return added;
        }
        catch (IOException failure)
        {
            layout.Remove(segment, view.IsDirectory, container);
            throw GuestErrors.Translate(failure, $"sharing what is mounted below {source} with the guest");
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
        if (shared.HasMounts)
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
        try
        {
            await _whileKeptOpen.ExecuteAsync(
                async _ => await ChangeAsync(
                    shared, path => Mounts.MakeReadOnly(path, recursive: shared.HasMounts && !shared.View.IsTopOnly)));
            shared.IsWritable = false;
        }
        catch (IOException)
        {
            // It stays as it was while there was a writer, until the next one leaves.
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

    /// <param name="Held">The source, opened to look at it and to bind it.</param>
    /// <param name="View">What it is.</param>
    private sealed record Seen(SafeFileHandle Held, SourceView View) : IDisposable
    {
        public void Dispose() => Held.Dispose();
    }

    private static SharedPath PathOf(SharedSource shared, string below) =>
        new(GuestPaths.Share.Append(shared.Segment), below);
}
