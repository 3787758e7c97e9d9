using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Creation;

/// <summary>
/// One creation of a container while it is under way: what is wanted, what may end it early, how long its steps take.
/// </summary>
internal sealed class ContainerCreation(
    ContainerId id, HostPath bundle, IReadOnlyList<MountSpec> rootfs, RuntimeOptions? options,
    PhaseTimeline timeline, CreationLimits limits)
{
    public ContainerId Id => id;

    public HostPath Bundle => bundle;

    /// <summary>The mounts that make the root.</summary>
    public IReadOnlyList<MountSpec> Rootfs => rootfs;

    public RuntimeOptions? Options => options;

    public PhaseTimeline Timeline => timeline;

    public CreationLimits Limits => limits;

    /// <summary>The bundle's specification.</summary>
    public OciSpec Spec
    {
        get => field ?? throw new InvalidOperationException("the bundle has not been read yet");
        set;
    }

    public ContainerKind Kind { get; set; }

    /// <summary>True if the container makes the sandbox; else it joins one.</summary>
    public bool MakesSandbox => Kind != ContainerKind.PodContainer;

    /// <summary>How the root comes into the machine.</summary>
    public RootPlacement Root
    {
        get => field ?? throw new InvalidOperationException("the root has not been prepared yet");
        set;
    }

    /// <summary>The failure to answer; see <see cref="CreationLimits.Explain"/>.</summary>
    public Exception Explain(Exception failure) => limits.Explain(failure, $"creation of container {id}", timeline);
}
