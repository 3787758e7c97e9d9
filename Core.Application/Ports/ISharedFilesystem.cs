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
    Task<ISharedDirectory> StartAsync(
        SandboxId id, HypervisorSettings settings, VmPlacement placement, IResourceLedger ledger, CancellationToken ct);
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
    /// Makes a host file or directory visible to the guest. What another container, or this one, has already is not
    /// shown a second time: a file of the host is one file for all containers. Read-only is enforced on the host unless
    /// somebody in the guest may write there. Recorded under the container.
    /// </summary>
    /// <param name="container">Who it is for.</param>
    /// <param name="source">
    /// What is shown. No part of it may be a link: InvalidArgument, as somebody has put that there since it was looked
    /// at.
    /// </param>
    /// <param name="name">One path segment, by which it is found in the guest if it is new there.</param>
    /// <param name="access">What the container may do.</param>
    /// <param name="propagation">What becomes of later mounts.</param>
    /// <param name="mayBePart">
    /// The guest can find a part of what is shared already. If it cannot, what lies inside of that is shown by itself.
    /// </param>
    /// <param name="ct">Gives up.</param>
    Task<SharedPath> ShareAsync(
        ContainerId container, HostPath source, string name, ShareAccess access, SharePropagation propagation,
        bool mayBePart, CancellationToken ct);

    /// <summary>
    /// Gives back what was shared for a container; what another has too stays with that one. Idempotent. What could not
    /// be given back stays recorded, and the first such failure is thrown.
    /// </summary>
    Task LeaveAsync(ContainerId container, CancellationToken ct);

    /// <summary>
    /// Where the host has unmounted something that it had shown by <see cref="SharePropagation.FromHost"/>. The share
    /// holds it no longer; a guest that has looked there does, until it looks there again, for which it is time when
    /// this is told. Ends when the share is stopped.
    /// </summary>
    IAsyncEnumerable<GuestPath> UnmountedAsync(CancellationToken ct);

    /// <summary>Ends the daemon and waits for it. Idempotent, does not fail.</summary>
    Task StopAsync(CancellationToken ct);
}

/// <summary>Where the guest finds something that is shared with it.</summary>
/// <param name="Root">What was shared.</param>
/// <param name="Below">
/// Where in it, if it lies inside of what was shared before; else empty. The guest may have written there, so that this
/// must be resolved beneath the root.
/// </param>
public sealed record SharedPath(GuestPath Root, string Below = "");

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

/// <summary>
/// What becomes of mounts that the host makes below a shared path later. None comes back from the guest.
/// </summary>
public enum SharePropagation
{
    /// <summary>They stay hidden.</summary>
    Private,

    /// <summary>They appear, and disappear, where the guest looks.</summary>
    FromHost,
}
