using System.Text.Json;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Polly;
using Polly.Retry;

namespace Kata.Adapters.Guest.State;

/// <summary>
/// State directories under <see cref="SandboxPaths.StateRoot"/>. Who lives is told by a lock on the directory, not by a
/// pid: it ends with its holder, however that ends.
/// </summary>
internal sealed class SandboxStore(IResourceReleaser releaser) : ISandboxStore, IDisposable
{
    private const string SnapshotName = "sandbox.json";

    private static readonly string BootId = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    // A manager runs the clean-up of a former life after each deletion, and may begin the next life of the id before it
    // has ended: it can have the directory that was just made, and remove it. No event tells that a lock is free, so it
    // is asked for during half a second.
    private static readonly ResiliencePipeline<FileLock?> WhileCleanedUp = new ResiliencePipelineBuilder<FileLock?>
    {
        Name = "sandbox-lock",
    }
        .AddRetry(new RetryStrategyOptions<FileLock?>
        {
            MaxRetryAttempts = 50,
            Delay = TimeSpan.FromMilliseconds(10),
            BackoffType = DelayBackoffType.Constant,
            ShouldHandle = static args => ValueTask.FromResult(args.Outcome is { Exception: null, Result: null }),
        })
        .Build();

    private FileLock? _lock;
    private ResourceLedgerFile? _ledger;
    private TimelineFile? _timeline;

    public async Task<IResourceLedger> ClaimAsync(SandboxId id, SandboxOwner owner, CancellationToken ct)
    {
        var directory = SandboxPaths.State(id).Value;
        try
        {
            Directory.CreateDirectory(
                SandboxPaths.StateRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            _lock = await LockNewAsync(directory, ct)
                ?? throw SandboxErrors.InUse(id, (await LoadAsync(id, ct))?.Owner.ToString() ?? "another shim");
            if (ResourceLedgerFile.TryOpen($"{directory}/{ResourceLedgerFile.FileName}") is { } left)
                await ReleaseLeftoversAsync(id, left.Ledger, left.Header, ct);
            return _ledger = ResourceLedgerFile.Create($"{directory}/{ResourceLedgerFile.FileName}", Header(owner));
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, $"claiming the state directory {directory}");
        }
    }

    public Task<TakeOver> TakeOverAsync(SandboxId id, CancellationToken ct)
    {
        var directory = SandboxPaths.State(id).Value;
        if (!Directory.Exists(directory))
            return Task.FromResult(new TakeOver(false, null));
        // One that was taken over before and could not be released is dropped.
        Dispose();
        try
        {
            _lock = TryLock(directory);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return Task.FromResult(new TakeOver(false, null));
        }

        if (_lock is null)
            return Task.FromResult(new TakeOver(true, null));
        if (ResourceLedgerFile.TryOpen($"{directory}/{ResourceLedgerFile.FileName}") is not { } left)
        {
            // Torn or empty: whoever made the directory had not taken anything yet.
            Remove(directory);
            return Task.FromResult(new TakeOver(false, null));
        }

        ForgetOtherBoot(left.Ledger, left.Header);
        _ledger = left.Ledger;
        return Task.FromResult(new TakeOver(false, left.Ledger));
    }

    public Task<IReadOnlyList<SandboxId>> ListAsync(CancellationToken ct)
    {
        var paths = Directory.Exists(SandboxPaths.StateRoot) ? Directory.GetDirectories(SandboxPaths.StateRoot) : [];
        return Task.FromResult<IReadOnlyList<SandboxId>>(
            [.. paths.Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)
                .Select(TryParse).OfType<SandboxId>()]);
    }

    public Task<(bool HolderIsAlive, IReadOnlyList<AcquiredResource>? Held)> LookAsync(
        SandboxId id, CancellationToken ct)
    {
        var directory = SandboxPaths.State(id).Value;
        try
        {
            // For a moment only; a shim that comes just then is told that the sandbox is in use.
            using var held = FileLock.TryAcquire(directory);
            if (held is null)
                return Task.FromResult<(bool, IReadOnlyList<AcquiredResource>?)>((true, null));
            return Task.FromResult<(bool, IReadOnlyList<AcquiredResource>?)>(
                (false,
                    [.. ResourceLedgerFile.TryReadHeld($"{directory}/{ResourceLedgerFile.FileName}")?.ReleaseOrder()
                        ?? []]));
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return Task.FromResult<(bool, IReadOnlyList<AcquiredResource>?)>((false, null));
        }
    }

    public Task SaveAsync(SandboxSnapshot snapshot, CancellationToken ct)
    {
        var file = new SnapshotFile(
            Header(snapshot.Owner), snapshot.Sandbox.Value, snapshot.State.ToString(), snapshot.VmmPid,
            snapshot.Hypervisor, snapshot.Choices, [.. snapshot.Containers.Select(id => id.Value)]);
        try
        {
            AtomicFile.Write(
                $"{SandboxPaths.State(snapshot.Sandbox)}/{SnapshotName}",
                JsonSerializer.SerializeToUtf8Bytes(file, StateJson.Default.SnapshotFile), 0x180);
        }
        catch (IOException e)
        {
            throw GuestErrors.Translate(e, "writing the sandbox's state");
        }

        return Task.CompletedTask;
    }

    public async Task<SandboxSnapshot?> LoadAsync(SandboxId id, CancellationToken ct)
    {
        try
        {
            var file = JsonSerializer.Deserialize(
                await File.ReadAllBytesAsync($"{SandboxPaths.State(id)}/{SnapshotName}", ct),
                StateJson.Default.SnapshotFile);
            return file is null || file.Header.Version > StateHeader.Current ? null : new SandboxSnapshot
            {
                Sandbox = id,
                Owner = new SandboxOwner(file.Header.Namespace, file.Header.Daemon),
                State = Enum.TryParse<SandboxState>(file.State, out var state) ? state : SandboxState.Broken,
                VmmPid = file.VmmPid,
                Hypervisor = file.Hypervisor,
                Choices = file.Choices,
                Containers = [.. file.Containers.Select(ContainerId.ParseOrNull).OfType<ContainerId>()],
            };
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void WritePhase(SandboxId id, ContainerId container, string phase, bool isEnd, TimeSpan sinceBegin)
    {
        // Before the claim there is no directory of ours to write to.
        if (_ledger is null)
            return;
        try
        {
            _timeline ??= new TimelineFile($"{SandboxPaths.State(id)}/{TimelineFile.FileName}");
            _timeline.Append(
                new TimelineEntry(phase, isEnd ? "end" : "begin", Math.Round(sinceBegin.TotalMilliseconds, 3))
                {
                    Container = container.Value,
                });
        }
        catch (IOException)
        {
            // A start must not fail for want of its own story.
        }
    }

    public Task DeleteAsync(SandboxId id, CancellationToken ct)
    {
        Remove(SandboxPaths.State(id).Value);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _timeline?.Dispose();
        _ledger?.Dispose();
        _lock?.Dispose();
    }

    // What is no id was not made by us.
    private static SandboxId? TryParse(string name)
    {
        try
        {
            return SandboxId.Parse(name);
        }
        catch (KataException)
        {
            return null;
        }
    }

    private void Remove(string directory)
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
        Dispose();
        _timeline = null;
        _ledger = null;
        _lock = null;
    }

    private static async Task<FileLock?> LockNewAsync(string directory, CancellationToken ct) =>
        await WhileCleanedUp.ExecuteAsync(
            static (directory, _) => ValueTask.FromResult(LockNew(directory)), directory, ct);

    private static FileLock? LockNew(string directory)
    {
        try
        {
            Directory.CreateDirectory(
                directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return TryLock(directory);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            // Removed since it was made.
            return null;
        }
    }

    // The directory that was locked may have been removed by its former holder in between: then it is not the one at
    // the path. Waits for nothing: each turn is a new directory.
    private static FileLock? TryLock(string directory)
    {
        for (var attempt = 0; ; attempt++)
        {
            var held = FileLock.TryAcquire(directory);
            if (held is null)
                return null;
            if (FileStatus.TryOf(directory) is { } now && now.Inode == FileStatus.Of(held.Handle).Inode)
                return held;
            held.Dispose();
            if (attempt == 3)
                return null;
            Directory.CreateDirectory(directory);
        }
    }

    private async Task ReleaseLeftoversAsync(
        SandboxId id, ResourceLedgerFile ledger, StateHeader header, CancellationToken ct)
    {
        using (ledger)
        {
            ForgetOtherBoot(ledger, header);
            foreach (var resource in ledger.Read().ReleaseOrder())
            {
                await releaser.ReleaseAsync(resource, ct);
                ledger.Forget(resource);
            }
        }

        foreach (var entry in Directory.EnumerateFileSystemEntries(SandboxPaths.State(id).Value))
        {
            if (Directory.Exists(entry))
                Directory.Delete(entry, recursive: true);
            else
                File.Delete(entry);
        }
    }

    // Processes, mounts, cgroups and links end with their boot; a pid of another boot names somebody else.
    private static void ForgetOtherBoot(ResourceLedgerFile ledger, StateHeader header)
    {
        if (header.BootId == BootId)
            return;
        foreach (var resource in ledger.Read().Held)
        {
            if (resource.Kind is not (ResourceKind.Directory or ResourceKind.SocketFile))
                ledger.Forget(resource);
        }
    }

    private static StateHeader Header(SandboxOwner owner) =>
        new(StateHeader.Current, BootId, owner.Namespace, owner.Daemon);
}
