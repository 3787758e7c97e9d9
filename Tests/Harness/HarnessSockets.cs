using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Harness;

/// <summary>Sockets of shims in memory.</summary>
public sealed class HarnessSockets : IShimSockets
{
    /// <summary>Those of shims that live.</summary>
    public HashSet<SandboxId> Living { get; } = [];

    /// <summary>Those that were removed.</summary>
    public List<(SandboxId Sandbox, SandboxOwner Owner)> Removed { get; } = [];

    /// <inheritdoc/>
    public void RemoveDead(SandboxId sandbox, SandboxOwner owner)
    {
        if (!Living.Contains(sandbox))
            Removed.Add((sandbox, owner));
    }
}
