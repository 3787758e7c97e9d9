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
                program, descriptor => VirtiofsdArguments.For(program.Flavour, layout.Exported, descriptor, settings), placement, ledger, time, ct);
            return new Shared(program.Description, layout, daemon, new SharedDirectoryDevice(daemon.Socket, GuestPaths.ShareTag, settings.VirtioFsQueueSize, settings.VirtioFsDaxMib));
        }
        catch
        {
            layout.Release();
            throw;
        }
    }

    private sealed class Shared(FileDaemon description, ShareLayout layout, VirtiofsdProcess daemon, SharedDirectoryDevice device) : ISharedDirectory
    {
        private readonly Lock _gate = new();
        private bool _stopped;

        public FileDaemon Daemon => description;

        public Device VmDevice => device;

        public Task<string> Exited => daemon.Exited;

        public HostPath RootfsTarget(ContainerId container) => layout.RootfsTarget(container);

        public Task<GuestPath> ShareAsync(
            ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation, CancellationToken ct)
        {
            ct.ThrowIfCancellationRequested();
            // A handful of mount calls, microseconds each: under the lock, so that none comes after the end.
            lock (_gate)
            {
                if (_stopped)
                    throw new KataException(ErrorKind.Unavailable, "the shared directory has been closed");
                return Task.FromResult(GuestPaths.Share.Append(layout.Share(container, source, name, access, propagation)));
            }
        }

        public async Task StopAsync(CancellationToken ct)
        {
            lock (_gate)
                _stopped = true;
            await daemon.StopAsync();
            layout.Release();
        }

        public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);
    }
}
