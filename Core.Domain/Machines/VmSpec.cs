using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Domain.Machines;

/// <summary>What to boot, complete and immutable. Taps and sockets stand here by name, never by handle.</summary>
public sealed record VmSpec
{
    /// <summary>The sandbox.</summary>
    public required SandboxId Sandbox { get; init; }

    /// <summary>Name of the machine, for process lists.</summary>
    public required string Name { get; init; }

    /// <summary>The hypervisor's own choices.</summary>
    public required MachineOptions Machine { get; init; }

    /// <summary>Kernel, initrd or image, parameters.</summary>
    public required BootAssets Boot { get; init; }

    /// <summary>vCPUs and memory.</summary>
    public required VmResources Resources { get; init; }

    /// <summary>Devices present from the start.</summary>
    public IReadOnlyList<Device> Devices { get; init; } = [];
}

/// <summary>The choices that an operator makes for a hypervisor.</summary>
public sealed record MachineOptions
{
    /// <summary>The VMM's program.</summary>
    public required HostPath Program { get; init; }

    /// <summary>Machine type, such as q35; empty for the architecture's default.</summary>
    public string MachineType { get; init; } = "";

    /// <summary>Further words of the machine option.</summary>
    public string MachineAccelerators { get; init; } = "";

    /// <summary>CPU features added to or taken from the model, such as <c>pmu=off</c>.</summary>
    public string CpuFeatures { get; init; } = "";

    /// <summary>Firmware file; null for the VMM's own.</summary>
    public HostPath? Firmware { get; init; }

    /// <summary>Accelerator.</summary>
    public Accelerator Accelerator { get; init; }

    /// <summary>Arguments of the VMM's own seccomp sandbox; empty to leave it off.</summary>
    public string SeccompSandbox { get; init; } = "";

    /// <summary>Channel to the agent.</summary>
    public GuestChannel Channel { get; init; }

    /// <summary>The vhost-user VSOCK daemon; null if there is none.</summary>
    public HostPath? VsockDaemon { get; init; }

    /// <summary>vhost in the kernel for NICs.</summary>
    public bool VhostNet { get; init; } = true;

    /// <summary>More output from guest kernel and agent.</summary>
    public bool Debug { get; init; }

    /// <summary>A VMM answers within a second; twenty are for one that is itself emulated on a busy machine.</summary>
    public static readonly TimeSpan LongestControlTimeout = TimeSpan.FromSeconds(20);

    /// <summary>How long QMP or the API may take to answer after the VMM was started.</summary>
    public TimeSpan ControlTimeout { get; init; } = LongestControlTimeout;
}

/// <summary>How the guest's instructions are run.</summary>
public enum Accelerator
{
    /// <summary>KVM if the host can, else emulation with a warning.</summary>
    Auto,

    /// <summary>KVM or an error.</summary>
    Kvm,

    /// <summary>Emulation.</summary>
    Tcg,
}

/// <summary>Where a machine and its daemons run.</summary>
public sealed record VmPlacement
{
    /// <summary>Directory for sockets and pid files of this machine.</summary>
    public required HostPath StateDirectory { get; init; }

    /// <summary>Network namespace; null for the shim's.</summary>
    public NetworkNamespacePath? NetworkNamespace { get; init; }

    /// <summary>cgroup directories to enter, one per hierarchy; empty for none.</summary>
    public IReadOnlyList<HostPath> Cgroups { get; init; } = [];

    /// <summary>
    /// How gladly the kernel ends the processes when memory runs out, from -1000 (never) to 1000; an ordinary process
    /// has 0.
    /// </summary>
    public int OomScoreAdjustment { get; init; }
}

/// <summary>Path of a network namespace, such as <c>/run/netns/name</c> or <c>/proc/PID/ns/net</c>.</summary>
public sealed record NetworkNamespacePath(HostPath Path);

/// <summary>How a machine ended.</summary>
/// <param name="End">Exit code or signal; null if it was lost sight of.</param>
/// <param name="At">When that was seen.</param>
public sealed record VmExit(VmmEnd? End, DateTimeOffset At);
