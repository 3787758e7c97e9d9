using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Ports;

/// <summary>The network namespaces of sandboxes.</summary>
public interface ISandboxNetwork
{
    /// <summary>
    /// Takes the sandbox's network namespace. Nothing in it is touched yet. For null a private one with its loopback up
    /// is made at <c>/run/netns/kata-ID</c> and recorded in the ledger first.
    /// </summary>
    /// <exception cref="Kata.Core.Domain.KataException">
    /// InvalidArgument for the host's own namespace, which a machine cannot share, and for a path that is no network
    /// namespace; NotFound if it is gone.
    /// </exception>
    Task<ISandboxLinks> OpenAsync(
        NetworkNamespacePath? path, NetworkOptions options, IResourceLedger ledger, CancellationToken ct);
}

/// <summary>How links are connected.</summary>
/// <param name="Sandbox">The sandbox, from whose id the name of a private namespace is made.</param>
/// <param name="Model">The way.</param>
/// <param name="Queues">Pairs of queues of each NIC.</param>
public sealed record NetworkOptions(SandboxId Sandbox, InterworkingModel Model, int Queues);

/// <summary>
/// The links of one sandbox's network namespace. When its disposal has returned, no call that was under way connects
/// anything any more, and later ones are refused; what is connected stays so until the ledger is released.
/// </summary>
public interface ISandboxLinks : IAsyncDisposable
{
    /// <summary>The namespace into which the VMM is started.</summary>
    NetworkNamespacePath Namespace { get; }

    /// <summary>
    /// Connects every link with an address that is not connected yet, loopback aside. Called before the launch and
    /// again whenever links may have come. A link that came after the first call counts once it is up, and keeps its
    /// name, addresses and routes: whoever makes it may still be at work. Taps and qdiscs are recorded first; on
    /// failure nothing of this call is left.
    /// </summary>
    /// <exception cref="Kata.Core.Domain.KataException">
    /// InvalidArgument for links that cannot be (physical ones, doubled addresses), with the link's name;
    /// FailedPrecondition-like refusals of the kernel with the call that was refused.
    /// </exception>
    Task<NetworkPlan> AttachAsync(CancellationToken ct);

    /// <summary>Takes the connection of one link back. Already gone is success.</summary>
    Task DetachAsync(MacAddress link, CancellationToken ct);

    /// <summary>
    /// How things are, at once, and again each time links, addresses or routes of the namespace have changed and come
    /// to rest; ends with <see cref="IAsyncDisposable.DisposeAsync"/> and with the token. For one listener at a time.
    /// </summary>
    /// <exception cref="Kata.Core.Domain.KataException">The kernel did not tell; a new enumeration may.</exception>
    IAsyncEnumerable<LinkChange> ChangesAsync(CancellationToken ct);
}

/// <summary>What has changed in a namespace.</summary>
/// <param name="Gone">NICs whose links exist no more.</param>
/// <param name="HasNew">There are links with addresses that are not connected.</param>
/// <param name="Guest">What the connected links look like now.</param>
public sealed record LinkChange(IReadOnlyList<NetworkDevice> Gone, bool HasNew, GuestNetworkSpec Guest);
