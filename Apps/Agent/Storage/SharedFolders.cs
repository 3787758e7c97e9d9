using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Storage;

/// <summary>
/// Folders of the host's share that containers have. The kernel mounts each as a filesystem of its own when somebody
/// first walks into it, in the mount namespace of that one: of two containers that did so each would have its own, and
/// one file of the host would be two, with locks and sockets of their own. So the agent walks in before them. What it
/// mounted so goes with the last container that has it, or nobody would release a folder that the host unmounts.
/// </summary>
/// <param name="share">Where the share is mounted.</param>
internal sealed class SharedFolders(string share)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<string>> _held = new(StringComparer.Ordinal);

    /// <summary>
    /// Walks into those of a container's sources that lie in the share. What is no folder there is nobody's matter
    /// here.
    /// </summary>
    public void Enter(string containerId, IEnumerable<string> sources)
    {
        var folders = sources.Where(source => source.StartsWith(share + "/", StringComparison.Ordinal)).Distinct()
            .ToList();
        lock (_gate)
        {
            _held[containerId] = folders;
            foreach (var folder in folders)
            {
                _users[folder] = _users.GetValueOrDefault(folder) + 1;
                WalkInto(folder[(share.Length + 1)..]);
            }
        }
    }

    /// <summary>A container goes. Idempotent.</summary>
    public void Leave(string containerId)
    {
        lock (_gate)
        {
            if (!_held.Remove(containerId, out var folders))
            {
                return;
            }

            foreach (var folder in folders)
            {
                if (--_users[folder] == 0)
                {
                    _users.Remove(folder);
                    Mounts.UnmountTree(folder);
                }
            }
        }
    }

    private void WalkInto(string below)
    {
        try
        {
            using var root = BeneathPath.Open(share);
            root.OpenDirectory(below).Dispose();
        }
        catch (LinuxException)
        {
            // A file, which is one for all in any case; or what is wrong shows when it is mounted.
        }
    }
}
