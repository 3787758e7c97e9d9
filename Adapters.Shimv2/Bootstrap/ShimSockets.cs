using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// Socket files by the rule that names them. One in a directory that a daemon named is that daemon's to find.
/// </summary>
internal sealed class ShimSockets : IShimSockets
{
    /// <summary>The directory in which they are.</summary>
    internal string Root { get; init; } = ShimSocket.DefaultRoot;

    public void RemoveDead(SandboxId sandbox, SandboxOwner owner)
    {
        var path = ShimSocket.PathOf(Root, owner.Daemon, owner.Namespace, sandbox.Value);
        if (File.Exists(path) && !ShimSocket.IsAlive(path))
            ShimSocket.Unlink(path);
    }
}
