using System.Text;
using System.Threading.Channels;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Shares directories in memory.</summary>
public sealed class HarnessShares(HarnessHost host) : ISharedFilesystem
{
    /// <inheritdoc/>
    public Task<FileDaemon> FindAsync(HypervisorSettings settings, CancellationToken ct) =>
        Task.FromResult(host.FileDaemon);

    /// <inheritdoc/>
    public async Task<ISharedDirectory> StartAsync(
        SandboxId id, HypervisorSettings settings, VmPlacement placement, IResourceLedger ledger, CancellationToken ct)
    {
        var taken = new List<AcquiredResource>();
        try
        {
            await host.EnterAsync("share.start", ct);
            taken.Add(host.Take(ledger, ResourceKind.Directory, SandboxPaths.Share(id).Value));
            taken.Add(host.Take(ledger, ResourceKind.SocketFile, $"{placement.StateDirectory}/virtiofsd.sock"));
            taken.Add(host.Take(ledger, ResourceKind.Process, "virtiofsd", pid: host.NewPid()));
            await host.EnterAsync("share.listen", ct);
            return host.Share = new HarnessShare(host, ledger, id, taken[^1], taken[^2], taken[^3]);
        }
        catch
        {
            foreach (var resource in Enumerable.Reverse(taken))
                host.Release(ledger, resource);
            throw;
        }
    }
}

/// <summary>A share in memory.</summary>
public sealed class HarnessShare(
    HarnessHost host, IResourceLedger ledger, SandboxId id, AcquiredResource process, AcquiredResource socket,
    AcquiredResource directory) : ISharedDirectory
{
    private readonly List<(ContainerId Container, HostPath Source, AcquiredResource Mount)> _shared = [];
    private readonly Channel<GuestPath> _takenBack = Channel.CreateUnbounded<GuestPath>();
    private readonly TaskCompletionSource<string> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The daemon as the ledger has it.</summary>
    public AcquiredResource Resource => process;

    /// <inheritdoc/>
    public FileDaemon Daemon => host.FileDaemon;

    /// <inheritdoc/>
    public Device VmDevice { get; } = new SharedDirectoryDevice(
        HostPath.Parse(socket.Name, "socket"), GuestPaths.ShareTag, 1024, 0);

    /// <inheritdoc/>
    public Task<string> Exited => _exited.Task;

    /// <inheritdoc/>
    public HostPath RootfsTarget(ContainerId container) => SandboxPaths.Share(id).Append($"mounts/{container}/rootfs");

    /// <inheritdoc/>
    public async Task<SharedPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation,
        bool mayBePart, CancellationToken ct)
    {
        await host.EnterAsync("share.share", ct);
        if (_exited.Task.IsCompleted)
            throw new KataException(ErrorKind.Unavailable, "the share is closed");
        if (name.Length == 0 || name is "." or ".." || name.Contains('/') || name.Contains('\0'))
            throw new KataException(ErrorKind.InvalidArgument, "the name is no path segment");
        if (host.Missing.Contains(source.Value))
            throw new KataException(ErrorKind.InvalidArgument, $"{source} is missing");
        while (Encoding.UTF8.GetByteCount(name) > 255)
            name = name[..^1];
        var mount = _shared.Find(shared => shared.Source == source).Mount?.Name
            ?? $"{SandboxPaths.Share(id)}/mounts/{name}";
        _shared.Add((container, source, host.Take(ledger, ResourceKind.Mount, mount, container)));
        return new SharedPath(GuestPaths.Share.Append(mount[(mount.LastIndexOf('/') + 1)..]));
    }

    /// <inheritdoc/>
    public async Task LeaveAsync(ContainerId container, CancellationToken ct)
    {
        await host.EnterAsync("share.leave", ct);
        foreach (var shared in _shared.Where(shared => shared.Container == container).Reverse().ToList())
        {
            host.Release(ledger, shared.Mount);
            _shared.Remove(shared);
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<GuestPath> UnmountedAsync(CancellationToken ct) => _takenBack.Reader.ReadAllAsync(ct);

    /// <summary>The host unmounts something that the guest sees there.</summary>
    public void TakeBack(GuestPath place) => _takenBack.Writer.TryWrite(place);

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken ct)
    {
        _takenBack.Writer.TryComplete();
        await host.StandAsync(host.Enter("share.stop"), ct);
        Die("stopped");
        host.Release(ledger, process);
        host.Release(ledger, socket);
        foreach (var shared in _shared)
            host.Drop(shared.Mount);
        try
        {
            host.Release(ledger, directory);
        }
        catch (KataException)
        {
            // A root is mounted in it; the ledger still has both.
        }
    }

    /// <summary>The daemon ends.</summary>
    public void Die(string reason)
    {
        if (_exited.TrySetResult(reason))
            host.Drop(process);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);
}
