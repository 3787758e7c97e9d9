using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Shares directories in memory.</summary>
public sealed class HarnessShares(HarnessHost host) : ISharedFilesystem
{
    /// <inheritdoc/>
    public Task<FileDaemon> FindAsync(HypervisorSettings settings, CancellationToken ct) => Task.FromResult(host.FileDaemon);

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
            return host.Share = new HarnessShare(host, ledger, id, taken[^1], taken[^2]);
        }
        catch
        {
            foreach (var resource in Enumerable.Reverse(taken))
                host.GiveBack(ledger, resource);
            throw;
        }
    }
}

/// <summary>A share in memory.</summary>
public sealed class HarnessShare(HarnessHost host, IResourceLedger ledger, SandboxId id, AcquiredResource process, AcquiredResource socket) : ISharedDirectory
{
    private readonly TaskCompletionSource<string> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The daemon as the ledger has it.</summary>
    public AcquiredResource Resource => process;

    /// <inheritdoc/>
    public FileDaemon Daemon => host.FileDaemon;

    /// <inheritdoc/>
    public Device VmDevice { get; } = new SharedDirectoryDevice(HostPath.Parse(socket.Name, "socket"), GuestPaths.ShareTag, 1024, 0);

    /// <inheritdoc/>
    public Task<string> Exited => _exited.Task;

    /// <inheritdoc/>
    public HostPath RootfsTarget(ContainerId container) => SandboxPaths.Share(id).Append($"mounts/{container}/rootfs");

    /// <inheritdoc/>
    public async Task<GuestPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation, CancellationToken ct)
    {
        await host.EnterAsync("share.share", ct);
        host.Take(ledger, ResourceKind.Mount, $"{SandboxPaths.Share(id)}/mounts/{name}", container);
        return GuestPaths.Share.Append(name);
    }

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken ct)
    {
        await host.StandAsync(host.Enter("share.stop"), ct);
        Die("stopped");
        host.GiveBack(ledger, process);
        host.GiveBack(ledger, socket);
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
