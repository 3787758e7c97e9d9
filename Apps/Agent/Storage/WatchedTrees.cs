using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// Copies of shared directories, kept up to date, so that programs in containers are told of changes: the share shows a
/// change of the host, but no inotify tells of it.
/// </summary>
internal sealed class WatchedTrees(AgentLog log)
{
    /// <summary>What a copy is made of at the most when it is asked for.</summary>
    private const int MaxFiles = 16;
    private const long MaxBytes = 1024 * 1024;

    /// <summary>What it may grow to; while a tree is replaced, it is there twice.</summary>
    private const int GrownFiles = 4 * MaxFiles;
    private const long GrownBytes = 4 * MaxBytes;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TreeCopy> _copies = new(StringComparer.Ordinal);
    private readonly HashSet<string> _complained = new(StringComparer.Ordinal);
    private bool _running;

    /// <summary>
    /// Copies a directory and keeps the copy up to date. False if it is no directory, or too much for that.
    /// </summary>
    public bool TryAdd(string source, string target)
    {
        if (!Directory.Exists(source) || IsTooMuch(source, MaxFiles, MaxBytes))
        {
            return false;
        }

        var parent = Path.GetDirectoryName(target)!;
        lock (_gate)
        {
            Directory.CreateDirectory(parent);
            if (!Mounts.IsMountPoint(parent))
            {
                Mounts.Mount(
                    "watchable", parent, "tmpfs", MountFlags.MS_NOSUID | MountFlags.MS_NODEV | MountFlags.MS_NOEXEC,
                    "mode=0755");
            }

            var copy = new TreeCopy(source, target);
            copy.Update();
            _copies[target] = copy;
            if (!_running)
            {
                _running = true;
                _ = RunAsync();
            }
        }

        return true;
    }

    public void Remove(string target)
    {
        lock (_gate)
        {
            if (_copies.Remove(target))
            {
                using var parent = BeneathPath.Open(Path.GetDirectoryName(target)!);
                parent.DeleteTree(Path.GetFileName(target));
            }
        }
    }

    private static bool IsTooMuch(string directory, int files, long bytes)
    {
        var measured = TreeCopy.Measure(directory, files, bytes);
        return measured.Files > files || measured.Bytes > bytes;
    }

    /// <summary>Ends with the last copy.</summary>
    private async Task RunAsync()
    {
        while (true)
        {
            await Task.Delay(Pause);
            lock (_gate)
            {
                if (_copies.Count == 0)
                {
                    _running = false;
                    return;
                }

                foreach (var copy in _copies.Values)
                {
                    Update(copy);
                }
            }
        }
    }

    private void Update(TreeCopy copy)
    {
        try
        {
            if (!IsTooMuch(copy.Source, GrownFiles, GrownBytes))
            {
                copy.Update();
            }
            else if (_complained.Add(copy.Target))
            {
                log.Warning($"{copy.Source} has grown too large to be copied: {copy.Target} stays as it is");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The host may be in the middle of a change; the next round sees what came of it.
            log.Debug($"{copy.Target}: {e.Message}");
        }
    }
}
