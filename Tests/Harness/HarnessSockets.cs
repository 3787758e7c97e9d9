using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Harness;

/// <summary>Sockets of shims in memory.</summary>
public sealed class HarnessSockets : IShimSockets
{
    /// <summary>Those that were removed.</summary>
    public List<(SandboxId Sandbox, SandboxOwner Owner)> Removed { get; } = [];

    /// <inheritdoc/>
    public void RemoveDead(SandboxId sandbox, SandboxOwner owner) => Removed.Add((sandbox, owner));
}
