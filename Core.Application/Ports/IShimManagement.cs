using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Ports;

/// <summary>
/// Asks the living shim of a sandbox, from another process. Unavailable if it does not answer; its refusals come as it
/// words them.
/// </summary>
public interface IShimManagement
{
    /// <summary>How full a direct-assigned volume is: the JSON document that storage plugins read.</summary>
    Task<string> GetVolumeUsageAsync(SandboxId sandbox, HostPath volume, CancellationToken ct);

    /// <summary>Lets a direct-assigned volume grow to a size in bytes.</summary>
    Task ResizeVolumeAsync(SandboxId sandbox, HostPath volume, long bytes, CancellationToken ct);
}
