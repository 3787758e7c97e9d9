using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Harness;

/// <summary>Calls of a share as of a guest with our agent.</summary>
public static class SharedDirectoryCalls
{
    /// <summary>Shares something, which may become a part of what is shared already.</summary>
    public static Task<SharedPath> ShareAsync(
        this ISharedDirectory share, ContainerId container, HostPath source, string name, ShareAccess access,
        SharePropagation propagation, CancellationToken ct) =>
        share.ShareAsync(container, source, name, access, propagation, mayBePart: true, ct);
}
