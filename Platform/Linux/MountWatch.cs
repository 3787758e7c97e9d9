using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Notices changes of the mounts in our mount namespace.</summary>
public sealed class MountWatch : IDisposable
{
    private readonly SafeFileHandle _mounts = DescriptorIo.Open("/proc/self/mountinfo", OpenFlags.O_RDONLY);

    /// <summary>
    /// Completes when something is mounted, unmounted or moved after the call; what was before it may not be told. So
    /// call this first, then look at the mounts, then wait.
    /// </summary>
    public ValueTask ChangeAsync(CancellationToken cancellation = default) =>
        Poller.WaitPriorityAsync(_mounts, cancellation);

    public void Dispose() => _mounts.Dispose();
}
