using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Harness;

/// <summary>
/// State directories in memory, as one shim sees them; they lie on the host, where others see them too.
/// </summary>
public sealed class HarnessStore(HarnessHost host) : ISandboxStore
{
    /// <summary>The phases that were written.</summary>
    public List<(string Phase, bool IsEnd, TimeSpan Since)> Phases { get; } = [];

    /// <summary>Another shim made a directory, and lives or has died since.</summary>
    public HarnessLedger HoldByOther(SandboxId id, SandboxOwner owner, bool alive)
    {
        var directory = Make(id, owner);
        directory.Holder = alive ? new HarnessStore(host) : null;
        return directory.Ledger;
    }

    /// <summary>What a sandbox's directory holds; null if there is none.</summary>
    public HarnessLedger? LedgerOf(SandboxId id) => host.Directories.GetValueOrDefault(id)?.Ledger;

    /// <summary>The shim dies: its locks end with it.</summary>
    public void Die()
    {
        foreach (var directory in host.Directories.Values.Where(directory => directory.Holder == this))
            directory.Holder = null;
    }

    /// <inheritdoc/>
    public async Task<IResourceLedger> ClaimAsync(SandboxId id, SandboxOwner owner, CancellationToken ct)
    {
        await host.EnterAsync("store.claim", ct);
        if (host.Directories.TryGetValue(id, out var found) && found.Holder is { } holder && holder != this)
            throw SandboxErrors.InUse(id, found.Owner.ToString());
        host.Write("the state directory");
        if (found is not null)
        {
            foreach (var resource in found.Ledger.Read().ReleaseOrder())
                host.Drop(resource);
            Remove(id);
        }

        return Make(id, owner).Ledger;
    }

    /// <inheritdoc/>
    public async Task<TakeOver> TakeOverAsync(SandboxId id, CancellationToken ct)
    {
        await host.EnterAsync("store.take-over", ct);
        if (!host.Directories.TryGetValue(id, out var found))
            return new TakeOver(false, null);
        if (found.Holder is not null)
            return new TakeOver(true, null);
        found.Holder = this;
        return new TakeOver(false, found.Ledger);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SandboxId>> ListAsync(CancellationToken ct)
    {
        await host.EnterAsync("store.list", ct);
        return [.. host.Directories.Keys.OrderBy(id => id.Value, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async Task<(bool HolderIsAlive, IReadOnlyList<AcquiredResource>? Held)> LookAsync(
        SandboxId id, CancellationToken ct)
    {
        await host.EnterAsync("store.look", ct);
        return !host.Directories.TryGetValue(id, out var found) ? (false, null)
            : found.Holder is not null ? (true, null)
            : (false, [.. found.Ledger.Read().ReleaseOrder()]);
    }

    /// <inheritdoc/>
    public async Task SaveAsync(SandboxSnapshot snapshot, CancellationToken ct)
    {
        await host.EnterAsync("store.save", ct);
        host.Write("the snapshot");
        if (host.Directories.TryGetValue(snapshot.Sandbox, out var found))
            found.Snapshot = snapshot;
    }

    /// <inheritdoc/>
    public Task<SandboxSnapshot?> LoadAsync(SandboxId id, CancellationToken ct) =>
        Task.FromResult(host.Directories.GetValueOrDefault(id)?.Snapshot);

    /// <inheritdoc/>
    public void WritePhase(SandboxId id, ContainerId container, string phase, bool isEnd, TimeSpan sinceBegin) =>
        Phases.Add((phase, isEnd, sinceBegin));

    /// <inheritdoc/>
    public async Task DeleteAsync(SandboxId id, CancellationToken ct)
    {
        await host.EnterAsync("store.delete", ct);
        Remove(id);
    }

    private StateDirectory Make(SandboxId id, SandboxOwner owner)
    {
        host.Hold(new AcquiredResource(ResourceKind.Directory, SandboxPaths.State(id).Value));
        return host.Directories[id] = new StateDirectory(owner, new HarnessLedger(host)) { Holder = this };
    }

    // Sockets of machine and daemons lie in the directory and go with it.
    private void Remove(SandboxId id)
    {
        var path = SandboxPaths.State(id).Value;
        foreach (var inside in host.Held.Where(held => held.Kind == ResourceKind.SocketFile
            && held.Name.StartsWith(path + "/", StringComparison.Ordinal)).ToList())
            host.Drop(inside);
        host.Drop(new AcquiredResource(ResourceKind.Directory, path));
        host.Directories.Remove(id);
    }
}

/// <summary>A state directory; the holder of its lock is the shim that lives, if one does.</summary>
internal sealed class StateDirectory(SandboxOwner owner, HarnessLedger ledger)
{
    public SandboxOwner Owner { get; } = owner;

    public HarnessLedger Ledger { get; } = ledger;

    public HarnessStore? Holder { get; set; }

    public SandboxSnapshot? Snapshot { get; set; }
}

/// <summary>A ledger in memory.</summary>
public sealed class HarnessLedger(HarnessHost host) : IResourceLedger
{
    private readonly ResourceList _list = new();

    /// <inheritdoc/>
    public void Record(AcquiredResource resource)
    {
        host.Enter("ledger.record");
        host.Write("the ledger");
        _list.Record(resource);
    }

    /// <inheritdoc/>
    public void Forget(AcquiredResource resource) => _list.Forget(resource);

    /// <inheritdoc/>
    public ResourceList Read()
    {
        var copy = new ResourceList();
        foreach (var resource in _list.Held)
            copy.Record(resource);
        return copy;
    }
}

/// <summary>Gives back what is held on the harness's host.</summary>
public sealed class HarnessReleaser(HarnessHost host) : IResourceReleaser
{
    /// <inheritdoc/>
    public async Task ReleaseAsync(AcquiredResource resource, CancellationToken ct)
    {
        await host.EnterAsync("releaser.release", ct);
        if (resource.Kind == ResourceKind.Process && host.Machine is { } machine
            && machine.Resource.IsSameThing(resource))
            machine.Die(new Core.Domain.VmmEnd(null, 9));
        if (resource.Kind == ResourceKind.Process && host.Share is { } share && share.Resource.IsSameThing(resource))
            share.Die("signal 9");
        host.Drop(resource);
    }
}
