using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Core.Application.Ports;

/// <summary>
/// What is dialled to localhost in a sandbox's network namespace on the host, where none of the pod's processes
/// listens: they do so in the guest. A container manager's port-forward dials there.
/// </summary>
public interface ILocalPorts
{
    /// <summary>Begins to take such connections, whatever their port.</summary>
    /// <exception cref="Kata.Core.Domain.KataException">Unimplemented if this host's kernel cannot, with the
    /// reason.</exception>
    Task<ILocalPortListener> ListenAsync(NetworkNamespacePath networkNamespace, CancellationToken ct);
}

/// <summary>Takes connections until it is disposed.</summary>
public interface ILocalPortListener : IAsyncDisposable
{
    /// <summary>The next connection; null when the listener has ended.</summary>
    /// <exception cref="Kata.Core.Domain.KataException">Unavailable if none can be taken now, with the kernel's reason;
    /// a later call may.</exception>
    Task<ILocalConnection?> AcceptAsync(CancellationToken ct);
}

/// <summary>A connection dialled on the host.</summary>
public interface ILocalConnection : IAsyncDisposable
{
    /// <summary>The port that was dialled.</summary>
    int Port { get; }

    /// <summary>Its bytes.</summary>
    Stream Bytes { get; }

    /// <summary>Says that no more is written to it. A caller that has gone already is no failure.</summary>
    void EndOutput();

    /// <summary>Resets it, so that its caller sees a failure and no orderly end.</summary>
    void Reset();
}
