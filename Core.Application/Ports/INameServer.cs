using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>
/// The name server that Docker gives a container on a network of the user's. It is at 127.0.0.11 of the container's
/// network namespace on the host, for what is sent from within that; a guest's packets come from outside.
/// </summary>
public interface INameServer
{
    /// <summary>Whether a resolv.conf of the host names it. False too for one that is not there, or no file.</summary>
    Task<bool> IsNamedByAsync(HostPath resolvConf, CancellationToken ct);

    /// <summary>Its answer; null if none has come within some seconds.</summary>
    Task<ReadOnlyMemory<byte>?> AskAsync(
        NetworkNamespacePath networkNamespace, NameQuestion question, CancellationToken ct);
}

/// <summary>What somebody in the guest wants to know; not to be trusted.</summary>
/// <param name="Message">A message of DNS, or what claims to be one; at most 65535 bytes.</param>
/// <param name="ByTcp">It came by TCP and is to be asked so: the answer may be longer than a datagram.</param>
public readonly record struct NameQuestion(ReadOnlyMemory<byte> Message, bool ByTcp);

/// <summary>Answers a question; null if there is no answer.</summary>
public delegate Task<ReadOnlyMemory<byte>?> NameAnswerer(NameQuestion question, CancellationToken ct);
