using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Files;

/// <summary>
/// The mounts of the share as the file daemon has them: in a namespace of its own, once a VMM has connected to it.
/// </summary>
internal sealed class DaemonMounts(Func<int> processId, HostPath exported)
{
    /// <summary>Changes the daemon's mount of a shared file, if it has one of its own.</summary>
    /// <exception cref="IOException">The change failed, or the mount is not there.</exception>
    public async Task ChangeAsync(SharedSource shared, Action<string> change)
    {
        var file = $"/proc/{processId()}/ns/mnt";
        if (new FileInfo(file).LinkTarget is not { } theirs || theirs == new FileInfo("/proc/self/ns/mnt").LinkTarget)
            return;
        // The share is the root there, unless the daemon is told to keep the host's.
        string[] places = [$"/{shared.Segment}", exported.Append(shared.Segment).Value];
        await Namespaces.RunInMountNamespaceAsync(file, () =>
        {
            var place = places.FirstOrDefault(
                place => FileStatus.TryOf(place, followLink: false) is { } status && shared.View.IsFile(status))
                ?? throw new LinuxException(Errno.ENOENT, "statx", places[0]);
            change(place);
            return true;
        });
    }
}
