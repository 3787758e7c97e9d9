using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Rewrites a bundle's specification for the guest (agent protocol, chapter 3): paths become the guest's, what the host
/// has already done or the guest cannot have is taken out, the rest stays.
/// </summary>
internal static class GuestSpec
{
    private static readonly string[] DroppedNamespaces = ["cgroup", "network", "time", "pid"];

    /// <summary>
    /// The container as the guest shall make it, from what has been placed for it; on these vCPUs, none for all.
    /// </summary>
    public static GuestContainerSpec Build(
        ContainerId id, ContainerKind kind, HostPath bundle, OciSpec spec, MappedVolumes volumes, CpuList vcpus,
        bool disableSeccomp)
    {
        var linux = spec.Linux ?? new OciLinux();
        return new GuestContainerSpec
        {
            Id = id,
            Storages = volumes.Storages,
            Devices = volumes.Devices,
            SharedPidNamespace = linux.Namespaces.Any(n => n.Type == "pid" && !string.IsNullOrEmpty(n.Path)),
            Oci = spec with
            {
                Root = new OciRoot
                {
                    Path = (volumes.Root ?? GuestPaths.Rootfs(id)).Value,
                    Readonly = spec.Root?.Readonly ?? false
                },
                Hooks = null,
                Process = spec.Process is { } process ? WithoutLabels(process) : null,
                Mounts = volumes.Mounts,
                Annotations = Annotate(spec.Annotations, kind, bundle),
                Linux = linux with
                {
                    Namespaces = [.. linux.Namespaces
                        .Where(n => !DroppedNamespaces.Contains(n.Type))
                        .Select(n => n with { Path = null })],
                    Devices = volumes.Nodes,
                    Seccomp = disableSeccomp ? null : linux.Seccomp,
                    MountLabel = null,
                    Resources = Narrow(linux.Resources ?? new OciResources(), vcpus),
                },
            },
        };
    }

    /// <summary>An exec as the guest shall run it: the host's labels mean nothing there.</summary>
    public static OciProcess WithoutLabels(OciProcess process) =>
        process with { SelinuxLabel = null, ApparmorProfile = null };

    /// <summary>Limits that mean something in the guest, whose CPUs and memory nodes are not the host's.</summary>
    /// <param name="resources">As they came for the host.</param>
    /// <param name="vcpus">What stands for the host's CPUs; none for all.</param>
    public static OciResources Narrow(OciResources resources, CpuList vcpus)
    {
        var folded = ResourceRules.TranslateUnified(resources);
        var cpus = vcpus.Count > 0 ? vcpus.ToString() : null;
        return folded with { Cpu = folded.Cpu is { } cpu ? cpu with { Cpus = cpus, Mems = null } : null, Other = null };
    }

    private static Dictionary<string, string> Annotate(
        IReadOnlyDictionary<string, string> annotations, ContainerKind kind, HostPath bundle) =>
        new(annotations)
        {
            ["io.katacontainers.pkg.oci.bundle_path"] = bundle.Value,
            ["io.katacontainers.pkg.oci.container_type"] = kind switch
            {
                ContainerKind.PodSandbox => "pod_sandbox",
                ContainerKind.PodContainer => "pod_container",
                _ => "single_container",
            },
        };
}
