using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

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
            throw new KataException(
                ErrorKind.InvalidArgument, $"shared_fs is \"{settings.SharedFs}\", but can only be virtio-fs or none");
        var program = await VirtiofsdProgram.FindAsync(settings.VirtioFsDaemon, time, ct);
        Directory.CreateDirectory(placement.StateDirectory.Value);
        var layout = ShareLayout.Create(HostPath.Parse($"{ShareRoot}/{id}", "share directory"), ledger);
        try
        {
            var daemon = await VirtiofsdProcess.StartAsync(
                program, descriptor =>
                    VirtiofsdArguments.For(program.Flavour, program.Version, layout.Exported, descriptor, settings),
                    placement, ledger, time, ct);
            var sources = new SharedSources(
                layout, new DaemonMounts(() => daemon.ProcessId, layout.Exported), ledger, time);
            var device = new SharedDirectoryDevice(
                daemon.Socket, GuestPaths.ShareTag, settings.VirtioFsQueueSize, settings.VirtioFsDaxMib);
            return new Shared(program.Description, layout, sources, daemon, device, time);
        }
        catch
        {
            layout.Release();
            throw;
        }
    }

    private sealed class Shared : ISharedDirectory
    {
        /// <summary>A filesystem that does not answer keeps nobody else waiting for longer.</summary>
        private static readonly TimeSpan FollowTime = TimeSpan.FromSeconds(1);

        // One after the other, and none after the end.
        private readonly SemaphoreSlim _gate = new(1, 1);
        private readonly FileDaemon _description;
        private readonly ShareLayout _layout;
        private readonly SharedSources _sources;
        private readonly VirtiofsdProcess _daemon;
        private readonly MountFollower _follower;
        private readonly TimeProvider _time;
        private Task _following = Task.CompletedTask;
        private bool _stopped;

        public Shared(
            FileDaemon description, ShareLayout layout, SharedSources sources, VirtiofsdProcess daemon,
            SharedDirectoryDevice device, TimeProvider time)
        {
            _description = description;
            _layout = layout;
            _sources = sources;
            _daemon = daemon;
            VmDevice = device;
            _time = time;
            _follower = new MountFollower(FollowAsync, time);
        }

        public FileDaemon Daemon => _description;

        public Device VmDevice { get; }

        public Task<string> Exited => _daemon.Exited;

        public HostPath RootfsTarget(ContainerId container) => _layout.RootfsTarget(container);

        public Task<SharedPath> ShareAsync(
            ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation,
            bool mayBePart,
            CancellationToken ct) =>
            InTurnAsync(
                async () =>
                {
                    if (_stopped)
                        throw new KataException(ErrorKind.Unavailable, "the shared directory has been closed");
                    var shared = await _sources.ShareAsync(container, source, name, access, propagation, mayBePart, ct);
                    if (_sources.IsFollowing)
                        _follower.Start();
                    return shared;
                },
                ct);

        public Task LeaveAsync(ContainerId container, CancellationToken ct) => InTurnAsync(
            async () =>
            {
                if (!_stopped)
                    await _sources.LeaveAsync(container);
                return true;
            },
            ct);

        public IAsyncEnumerable<GuestPath> UnmountedAsync(CancellationToken ct) => _follower.GoneAsync(ct);

        public async Task StopAsync(CancellationToken ct)
        {
            await InTurnAsync(() => Task.FromResult(_stopped = true), CancellationToken.None);
            await _follower.DisposeAsync();
            await _daemon.StopAsync();
            _layout.Release();
        }

        public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

        /// <summary>What a filesystem has not answered is waited for before the next time, by nobody else.</summary>
        private async Task<IReadOnlyList<GuestPath>> FollowAsync(CancellationToken ct)
        {
            await _following.WaitAsync(ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
            IReadOnlyList<GuestPath> gone = [];
            await InTurnAsync(
                async () =>
                {
                    if (_stopped)
                        return false;
                    var following = OwnThread.RunAsync(_sources.Follow, CancellationToken.None);
                    _following = following;
                    await Task.WhenAny(following, Task.Delay(FollowTime, _time, ct));
                    if (following.IsCompletedSuccessfully)
                        gone = await following;
                    return true;
                },
                ct);
            return gone;
        }

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
