using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Containers;

/// <summary>
/// Rewrites a bundle's specification for the guest (agent protocol, chapter 3): paths become the guest's, what the host has
/// already done or the guest cannot have is taken out, the rest stays.
/// </summary>
internal static class GuestSpec
{
    private const int MaxNamePart = 40;

    private static readonly string[] DroppedNamespaces = ["cgroup", "network", "time", "pid"];

    /// <summary>The container as the guest shall make it. Files and directories that it needs are shared on the way.</summary>
    public static async Task<GuestContainerSpec> BuildAsync(
        ContainerId id, ContainerKind kind, HostPath bundle, OciSpec spec, ISharedDirectory? share, bool disableSeccomp, CancellationToken ct)
    {
        var linux = spec.Linux ?? new OciLinux();
        return new GuestContainerSpec
        {
            Id = id,
            SharedPidNamespace = linux.Namespaces.Any(n => n.Type == "pid" && !string.IsNullOrEmpty(n.Path)),
            Oci = spec with
            {
                Root = new OciRoot { Path = GuestPaths.Rootfs(id).Value, Readonly = spec.Root?.Readonly ?? false },
                Hooks = null,
                Process = spec.Process is { } process ? WithoutLabels(process) : null,
                Mounts = await RewriteMountsAsync(id, spec.Mounts, share, ct),
                Annotations = Annotate(spec.Annotations, kind, bundle),
                Linux = linux with
                {
                    Namespaces = [.. linux.Namespaces
                        .Where(n => !DroppedNamespaces.Contains(n.Type))
                        .Select(n => n with { Path = null })],
                    Seccomp = disableSeccomp ? null : linux.Seccomp,
                    MountLabel = null,
                    Resources = Narrow(linux.Resources ?? new OciResources()),
                },
            },
        };
    }

    /// <summary>An exec as the guest shall run it: the host's labels mean nothing there.</summary>
    public static OciProcess WithoutLabels(OciProcess process) => process with { SelinuxLabel = null, ApparmorProfile = null };

    /// <summary>Limits that mean something in the guest: its CPUs and memory nodes are not the host's.</summary>
    public static OciResources Narrow(OciResources resources)
    {
        var folded = ResourceRules.Fold(resources);
        return folded with { Cpu = folded.Cpu is { } cpu ? cpu with { Cpus = null, Mems = null } : null, Other = null };
    }

    private static async Task<IReadOnlyList<OciMount>> RewriteMountsAsync(
        ContainerId id, IReadOnlyList<OciMount> mounts, ISharedDirectory? share, CancellationToken ct)
    {
        var rewritten = new List<OciMount>(mounts.Count);
        foreach (var mount in mounts)
        {
            if (await RewriteAsync(id, mount, rewritten.Count, share, ct) is { } kept)
                rewritten.Add(kept);
        }

        return rewritten;
    }

    private static async Task<OciMount?> RewriteAsync(ContainerId id, OciMount mount, int index, ISharedDirectory? share, CancellationToken ct)
    {
        if (mount.Destination == "/dev/shm")
            return mount with { Type = "bind", Source = GuestPaths.SandboxShm.Value, Options = ["rbind"] };
        if (!IsBind(mount) || IsUnder(mount.Source, "/proc") || IsUnder(mount.Source, "/sys"))
            return mount;
        if (IsUnder(mount.Source, "/dev"))
            return null;

        var source = HostPath.Parse(mount.Source, $"source of the mount at {mount.Destination}");
        if (share is null)
        {
            throw new KataException(ErrorKind.InvalidArgument,
                $"the mount at {mount.Destination} needs a shared filesystem, but shared_fs is \"none\"");
        }

        var access = mount.Options.Contains("ro") ? ShareAccess.ReadOnly : ShareAccess.ReadWrite;
        var guest = await share.ShareAsync(id, source, $"{id}-{index}-{LastSegment(mount.Destination)}", access, ct);
        return mount with { Type = "bind", Source = guest.Value };
    }

    private static bool IsBind(OciMount mount) =>
        mount.Type == "bind" || mount.Options.Contains("bind") || mount.Options.Contains("rbind");

    private static bool IsUnder(string? path, string root) =>
        path is not null && (path == root || path.StartsWith(root + "/", StringComparison.Ordinal));

    // Cut, so that id, number and this stay within one file name, whatever characters they are of.
    private static string LastSegment(string path)
    {
        var trimmed = path.TrimEnd('/');
        var segment = trimmed.Length > 0 ? trimmed[(trimmed.LastIndexOf('/') + 1)..] : "root";
        return segment.Length > MaxNamePart ? segment[..MaxNamePart] : segment;
    }

    private static Dictionary<string, string> Annotate(IReadOnlyDictionary<string, string> annotations, ContainerKind kind, HostPath bundle) =>
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
