using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// What is mounted for the sandbox and its containers, by mount point. A mount point that is named again is only
/// counted; with its last user it goes.
/// </summary>
internal sealed class SandboxStorages(StorageMounter mounter)
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>
    /// Mounts in list order and names the mount points to release. The first that fails takes those before it
    /// back and is thrown.
    /// </summary>
    public async Task<IReadOnlyList<string>> AddAsync(
        IEnumerable<Oci.Storage> storages, string containerId, CancellationToken cancellation)
    {
        var added = new List<string>();
        try
        {
            foreach (var storage in storages)
            {
                var point = Normalize(storage.MountPoint);
                await _gate.WaitAsync(cancellation);
                try
                {
                    if (_entries.TryGetValue(point, out var entry))
                    {
                        entry.Users++;
                    }
                    else
                    {
                        var removable = await mounter.MountAsync(storage, point, containerId, cancellation);
                        _entries.Add(point, new Entry { Users = 1, Removable = removable && !storage.Shared });
                    }
                }
                finally
                {
                    _gate.Release();
                }

                added.Add(point);
            }

            return added;
        }
        catch
        {
            await ReleaseAsync(added);
            throw;
        }
    }

    /// <summary>
    /// Gives back what <see cref="AddAsync"/> named. What resists is reported in the result and forgotten: the machine
    /// ends with the sandbox.
    /// </summary>
    public async Task<IReadOnlyList<string>> ReleaseAsync(IEnumerable<string> mountPoints)
    {
        var complaints = new List<string>();
        foreach (var point in mountPoints.Reverse())
        {
            await _gate.WaitAsync();
            try
            {
                if (!_entries.TryGetValue(point, out var entry) || --entry.Users > 0)
                {
                    continue;
                }

                if (!entry.Removable)
                {
                    entry.Users = 1;
                    continue;
                }

                _entries.Remove(point);
                mounter.Unmount(point);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                complaints.Add(e.Message);
            }
            finally
            {
                _gate.Release();
            }
        }

        return complaints;
    }

    private static string Normalize(string mountPoint)
    {
        var trimmed = mountPoint.TrimEnd('/');
        return trimmed.StartsWith('/') && !trimmed.Split('/').Contains("..")
            ? trimmed
            : throw AgentRefusals.Invalid($"storage mount point '{mountPoint}' is not an absolute path");
    }

    private sealed class Entry
    {
        public int Users { get; set; }

        public bool Removable { get; init; }
    }
}
