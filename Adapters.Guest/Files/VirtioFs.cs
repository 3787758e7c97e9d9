using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Adapters.Guest.Files;

/// <summary>Shares directories by virtio-fs.</summary>
internal sealed class VirtioFs(TimeProvider time) : ISharedFilesystem
{
    /// <summary>Where the share directories are, one a sandbox.</summary>
    internal string ShareRoot { get; init; } = SandboxPaths.ShareRoot;

    public async Task<FileDaemon> FindAsync(HypervisorSettings settings, CancellationToken ct) =>
        (await VirtiofsdProgram.FindAsync(settings.VirtioFsDaemon, time, ct)).Description;

    public async Task<ISharedDirectory> StartAsync(
        SandboxId id, HypervisorSettings settings, VmPlacement placement, IResourceLedger ledger, CancellationToken ct)
    {
        if (settings.SharedFs != "virtio-fs")
            throw new KataException(ErrorKind.InvalidArgument, $"shared_fs is \"{settings.SharedFs}\", but can only be virtio-fs or none");
        var program = await VirtiofsdProgram.FindAsync(settings.VirtioFsDaemon, time, ct);
        Directory.CreateDirectory(placement.StateDirectory.Value);
        var layout = ShareLayout.Create(HostPath.Parse($"{ShareRoot}/{id}", "share directory"), ledger);
        try
        {
            var daemon = await VirtiofsdProcess.StartAsync(
                program, descriptor => VirtiofsdArguments.For(program.Flavour, program.Version, layout.Exported, descriptor, settings), placement, ledger, time, ct);
            var sources = new SharedSources(layout, new DaemonMounts(() => daemon.ProcessId, layout.Exported), ledger, time);
            var device = new SharedDirectoryDevice(daemon.Socket, GuestPaths.ShareTag, settings.VirtioFsQueueSize, settings.VirtioFsDaxMib);
            return new Shared(program.Description, layout, sources, daemon, device);
        }
        catch
        {
            layout.Release();
            throw;
        }
    }

    private sealed class Shared(
        FileDaemon description, ShareLayout layout, SharedSources sources, VirtiofsdProcess daemon, SharedDirectoryDevice device) : ISharedDirectory
    {
        // One after the other, and none after the end.
        private readonly SemaphoreSlim _gate = new(1, 1);
        private bool _stopped;

        public FileDaemon Daemon => description;

        public Device VmDevice => device;

        public Task<string> Exited => daemon.Exited;

        public HostPath RootfsTarget(ContainerId container) => layout.RootfsTarget(container);

        public Task<SharedPath> ShareAsync(
            ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation, bool mayBePart,
            CancellationToken ct) =>
            InTurnAsync(
                () => _stopped
                    ? throw new KataException(ErrorKind.Unavailable, "the shared directory has been closed")
                    : sources.ShareAsync(container, source, name, access, propagation, mayBePart),
                ct);

        public Task LeaveAsync(ContainerId container, CancellationToken ct) => InTurnAsync(
            async () =>
            {
                if (!_stopped)
                    await sources.LeaveAsync(container);
                return true;
            },
            ct);

        public async Task StopAsync(CancellationToken ct)
        {
            await InTurnAsync(() => Task.FromResult(_stopped = true), CancellationToken.None);
            await daemon.StopAsync();
            layout.Release();
        }

        public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

        private async Task<T> InTurnAsync<T>(Func<Task<T>> work, CancellationToken ct)
        {
            await _gate.WaitAsync(ct);
            try
            {
                return await work();
            }
            finally
            {
                _gate.Release();
            }
        }
    }
}
