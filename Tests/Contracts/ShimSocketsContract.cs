using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IShimSockets"/> keeps to.</summary>
public abstract class ShimSocketsContract
{
    private static readonly SandboxId Pod = SandboxId.Parse("pod1");
    private static readonly SandboxOwner Owner = new("k8s.io", "/run/containerd/containerd.sock");

    protected abstract IShimSockets Port { get; }

    /// <summary>Makes the socket of a shim that lives, or of one that is dead.</summary>
    protected abstract void Make(SandboxId sandbox, SandboxOwner owner, bool lives);

    /// <summary>Whether its file is there.</summary>
    protected abstract bool IsThere(SandboxId sandbox, SandboxOwner owner);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Remove_dead_leaves_the_socket_of_a_shim_that_lives(bool lives)
    {
        Make(Pod, Owner, lives);

        Port.RemoveDead(Pod, Owner);
        Port.RemoveDead(Pod, Owner);

        IsThere(Pod, Owner).Should().Be(lives);
    }

    [Fact]
    public void Remove_dead_touches_no_other_pods_and_no_other_owners()
    {
        var other = (Sandbox: SandboxId.Parse("pod2"), Owner: Owner with { Namespace = "default" });
        Make(other.Sandbox, Owner, lives: false);
        Make(Pod, other.Owner, lives: false);

        Port.RemoveDead(Pod, Owner);

        IsThere(other.Sandbox, Owner).Should().BeTrue();
        IsThere(Pod, other.Owner).Should().BeTrue();
    }
}
