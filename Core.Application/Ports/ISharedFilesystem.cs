using Kata.Core.Application.Settings;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Shares host directories with a guest.</summary>
public interface ISharedFilesystem
{
    /// <summary>The daemon that the settings name, else the installed one; NotFound says what to install.</summary>
    Task<FileDaemon> FindAsync(HypervisorSettings settings, CancellationToken ct);

    /// <summary>
    /// Makes the share directory and starts its daemon; returns when the daemon listens. Recorded in the ledger first;
    /// on failure nothing is left running.
    /// </summary>
    Task<ISharedDirectory> StartAsync(SandboxId id, HypervisorSettings settings, VmPlacement placement, IResourceLedger ledger, CancellationToken ct);
}

/// <summary>What serves files to guests.</summary>
/// <param name="Name">Its path and version.</param>
/// <param name="Lacks">What containers miss with it, a phrase each for a person; none if nothing.</param>
public sealed record FileDaemon(string Name, IReadOnlyList<string> Lacks);

/// <summary>The shared directory of a sandbox.</summary>
public interface ISharedDirectory : IAsyncDisposable
{
    /// <summary>Who serves it.</summary>
    FileDaemon Daemon { get; }

    /// <summary>The device by which the guest sees it.</summary>
    Device VmDevice { get; }

    /// <summary>Completes with the reason when the daemon has ended; never faults.</summary>
    Task<string> Exited { get; }

    /// <summary>The directory on the host into which a container's root is mounted so that the guest sees it.</summary>
    HostPath RootfsTarget(ContainerId container);

    /// <summary>
    /// Makes a host file or directory visible to the guest. Read-only is enforced on the host. Recorded under the container.
    /// </summary>
    Task<GuestPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation, CancellationToken ct);

    /// <summary>Ends the daemon and waits for it. Idempotent, does not fail.</summary>
    Task StopAsync(CancellationToken ct);
}

/// <summary>What a guest may do with a shared path.</summary>
public enum ShareAccess
{
    /// <summary>Read only with all that is mounted below, enforced by read-only mounts on the host.</summary>
    ReadOnly,

    /// <summary>Read only, but what is mounted below stays as it is.</summary>
    ReadOnlyTop,

    /// <summary>Read and write.</summary>
    ReadWrite,
}

/// <summary>What becomes of mounts that the host makes below a shared path later. None comes back from the guest.</summary>
public enum SharePropagation
{
    /// <summary>They stay hidden.</summary>
    Private,

    /// <summary>They appear, and disappear, where the guest looks.</summary>
    FromHost,
}
