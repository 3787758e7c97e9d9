using Kata.Core.Domain.Networking;

namespace Kata.Core.Application.Settings;

/// <summary>The settings of a sandbox, read once and immutable.</summary>
public sealed record RuntimeSettings
{
    /// <summary>Where they came from, for messages.</summary>
    public string Source { get; init; } = "built-in";

    /// <summary>The hypervisor.</summary>
    public required HypervisorSettings Hypervisor { get; init; }

    /// <summary>What <see cref="CreateContainerTimeout"/> is if nobody says.</summary>
    public static readonly TimeSpan UsualCreateContainerTimeout = TimeSpan.FromSeconds(60);

    /// <summary>The agent and the guest.</summary>
    public GuestSettings Guest { get; init; } = new();

    /// <summary>Shim, VMM and daemons live in the pod's cgroup.</summary>
    public bool SandboxCgroupOnly { get; init; } = true;

    /// <summary>Size the machine at start for all its containers and never later.</summary>
    public bool StaticSandboxResources { get; init; }

    /// <summary>Seccomp profiles of containers are not applied in the guest.</summary>
    public bool DisableGuestSeccomp { get; init; }

    /// <summary>Key <c>internetworking_model</c>: how links of the pod become NICs of the machine.</summary>
    public InterworkingModel Interworking { get; init; } = InterworkingModel.TcFilter;

    /// <summary>
    /// Key <c>disable_guest_empty_dir</c>: an emptyDir on disk is the host's, which kubelet can measure.
    /// </summary>
    public bool DisableGuestEmptyDir { get; init; } = true;

    /// <summary>Debug messages of the shim.</summary>
    public bool Debug { get; init; }

    /// <summary>Budget of a container's creation, machine included.</summary>
    public TimeSpan CreateContainerTimeout { get; init; } = UsualCreateContainerTimeout;
}
