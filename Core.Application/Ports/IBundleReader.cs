using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>Reads OCI documents. Each is bounded; InvalidArgument says where it is broken.</summary>
public interface IBundleReader
{
    /// <summary>The bundle's <c>config.json</c>.</summary>
    Task<OciSpec> ReadAsync(HostPath bundle, CancellationToken ct);

    /// <summary>
    /// Lines of a small text that a specification mounts, such as resolv.conf, without empty ones. None if it cannot be
    /// read: what hangs on it decides whether that matters.
    /// </summary>
    Task<IReadOnlyList<string>> ReadLinesAsync(HostPath file, CancellationToken ct);

    /// <summary>A process document, as an exec brings it.</summary>
    OciProcess ReadProcess(ReadOnlyMemory<byte> json);

    /// <summary>A resources document, as an update brings it.</summary>
    OciResources ReadResources(ReadOnlyMemory<byte> json);
}
