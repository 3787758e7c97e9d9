using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Ports;

/// <summary>Who runs a sandbox.</summary>
/// <param name="Namespace">The container manager's namespace.</param>
/// <param name="Daemon">The container manager's address.</param>
public sealed record SandboxOwner(string Namespace, string Daemon)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"namespace {Namespace} of {(Daemon.Length == 0 ? "its container manager" : Daemon)}";
}

/// <summary>What is kept of a running sandbox for other processes to read.</summary>
public sealed record SandboxSnapshot
{
    /// <summary>The sandbox.</summary>
    public required SandboxId Sandbox { get; init; }

    /// <summary>Who runs it.</summary>
    public required SandboxOwner Owner { get; init; }

    /// <summary>Its state.</summary>
    public required SandboxState State { get; init; }

    /// <summary>Host pid of the VMM.</summary>
    public int VmmPid { get; init; }

    /// <summary>Which hypervisor.</summary>
    public string Hypervisor { get; init; } = "";

    /// <summary>Which channel and accelerator were chosen, and why.</summary>
    public string Choices { get; init; } = "";

    /// <summary>Its containers.</summary>
    public IReadOnlyList<ContainerId> Containers { get; init; } = [];
}

/// <summary>The state directories of sandboxes.</summary>
public interface ISandboxStore
{
    /// <summary>
    /// Makes the state directory ours, with an empty ledger, for the life of this process. AlreadyExists names the
    /// owner if another living shim has it; what a dead one left is released first.
    /// </summary>
    Task<IResourceLedger> ClaimAsync(SandboxId id, SandboxOwner owner, CancellationToken ct);

    /// <summary>Takes over what a dead shim left; the answer says whether a living one holds it instead.</summary>
    Task<TakeOver> TakeOverAsync(SandboxId id, CancellationToken ct);

    /// <summary>The sandboxes that have a state directory on this host, in order; living ones and dead.</summary>
    Task<IReadOnlyList<SandboxId>> ListAsync(CancellationToken ct);

    /// <summary>
    /// What <see cref="TakeOverAsync"/> would find, in the order of release, unchanged; null if nothing is there.
    /// </summary>
    Task<(bool HolderIsAlive, IReadOnlyList<AcquiredResource>? Held)> LookAsync(SandboxId id, CancellationToken ct);

    /// <summary>Writes the snapshot, whole or not at all.</summary>
    Task SaveAsync(SandboxSnapshot snapshot, CancellationToken ct);

    /// <summary>Reads a snapshot; null if there is none.</summary>
    Task<SandboxSnapshot?> LoadAsync(SandboxId id, CancellationToken ct);

    /// <summary>
    /// Appends a phase of a container's creation to the timeline, with the time since that began. Never fails: a
    /// timeline is a comfort.
    /// </summary>
    void WritePhase(SandboxId id, ContainerId container, string phase, bool isEnd, TimeSpan sinceBegin);

    /// <summary>Removes the state directory and lets its lock go. Already gone is success.</summary>
    Task DeleteAsync(SandboxId id, CancellationToken ct);
}

/// <summary>What <see cref="ISandboxStore.TakeOverAsync"/> found.</summary>
/// <param name="HolderIsAlive">A living shim has the sandbox.</param>
/// <param name="Ledger">What is left of a dead one; null if nothing, or if the holder lives.</param>
public sealed record TakeOver(bool HolderIsAlive, IResourceLedger? Ledger);

/// <summary>
/// What a sandbox has taken from the host, written down before it is taken. A microsecond each; survives the shim.
/// </summary>
public interface IResourceLedger
{
    /// <summary>
    /// Writes a resource down, or renews what is known of it. ResourceExhausted if the disk is full: then do not take
    /// it.
    /// </summary>
    void Record(AcquiredResource resource);

    /// <summary>Strikes a resource out after its release. Never fails.</summary>
    void Forget(AcquiredResource resource);

    /// <summary>What is held now.</summary>
    ResourceList Read();
}

/// <summary>Gives back one resource, whoever took it.</summary>
public interface IResourceReleaser
{
    /// <summary>Already gone is success. Bounded by the token.</summary>
    Task ReleaseAsync(AcquiredResource resource, CancellationToken ct);
}
