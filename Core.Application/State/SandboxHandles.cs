using System.Collections.Immutable;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.State;

/// <summary>What a sandbox has open, as one value that is swapped whole; the closed set of what that can be.</summary>
internal abstract record SandboxHandles
{
    private SandboxHandles()
    {
    }

    /// <summary>Nothing: before the state directory is claimed, and after everything has been given back.</summary>
    internal sealed record None : SandboxHandles;

    /// <summary>The state directory is ours, and what is listed has to be given back.</summary>
    /// <param name="Ledger">What must be released, whoever does it.</param>
    internal abstract record Claimed(IResourceLedger Ledger) : SandboxHandles
    {
        /// <summary>What is open, in the order in which it was opened.</summary>
        public ImmutableList<HeldHandle> Held { get; init; } = [];
    }

    /// <summary>The machine is being made; also when that has failed.</summary>
    internal sealed record Booting(IResourceLedger Ledger) : Claimed(Ledger);

    /// <summary>
    /// The agent has answered. Stays until everything has been given back: whether the machine can still be used is the
    /// sandbox's state.
    /// </summary>
    internal sealed record Ready(IResourceLedger Ledger) : Claimed(Ledger)
    {
        /// <summary>The sandbox.</summary>
        public required SandboxId Id { get; init; }

        /// <summary>The settings that it was started with.</summary>
        public required RuntimeSettings Settings { get; init; }

        /// <summary>Its VMM.</summary>
        public required IVirtualMachine Vm { get; init; }

        /// <summary>What its containers have of the machine.</summary>
        public required SandboxMachine Machine { get; init; }

        /// <summary>The agent in its guest.</summary>
        public required IGuestAgent Agent { get; init; }

        /// <summary>What that agent is.</summary>
        public required GuestDetails Guest { get; init; }

        /// <summary>The links of its network namespace.</summary>
        public required ISandboxLinks Links { get; init; }

        /// <summary>False if nobody but us knows that namespace.</summary>
        public required bool HasPodNetwork { get; init; }

        /// <summary>Where its processes live.</summary>
        public required CgroupPlacement Cgroups { get; init; }

        /// <summary>The shared directory; null with <c>shared_fs = "none"</c>.</summary>
        public required ISharedDirectory? Share { get; init; }
    }
}

/// <summary>Something open that the teardown ends.</summary>
/// <param name="Order">When its turn is.</param>
/// <param name="Release">Ends it; idempotent. Takes the time that the machine may use to power off.</param>
internal sealed record HeldHandle(ReleaseOrder Order, Func<TimeSpan, CancellationToken, Task> Release);

/// <summary>The order in which a teardown ends what is open.</summary>
internal enum ReleaseOrder
{
    PortForwarding,
    AgentConnection,
    Machine,
    Network,
    SharedDirectory,
    Cgroup,
}
