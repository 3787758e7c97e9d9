using Kata.Apps.Agent.Sandboxes;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// Turns the spec that the host sends into the one that this guest can run: its namespaces, cgroup, devices and limits.
/// </summary>
internal static class SpecAdapter
{
    private static readonly string[] BindOptions = ["bind", "rbind"];

    /// <summary>What a mount forbids, and the word that would say the contrary.</summary>
    private static readonly (string Word, string Opposite)[] Prohibitions = [("nosuid", "suid"), ("nodev", "dev"),
        ("noexec", "exec")];

    /// <summary>
    /// Where a container's cgroup lies below the cgroup root; the host's path names its own hierarchy and means nothing
    /// here.
    /// </summary>
    public static string CgroupPath(string sandboxId, string containerId) =>
        $"/kata/{(sandboxId.Length > 0 ? sandboxId : "sandbox")}/{containerId}";

    /// <param name="spec">As it came; it is not changed.</param>
    /// <param name="place">What the sandbox shares with its containers.</param>
    /// <param name="rootPath">The root file system, in the bundle.</param>
    /// <param name="mounts">The guest's mounts; none if they do not matter.</param>
    public static Oci.Spec Adapt(
        Oci.Spec spec, ContainerPlace place, string rootPath, IReadOnlyList<MountInfo>? mounts = null)
    {
        var adapted = spec.Clone();
        adapted.Process ??= new Oci.Process();
        adapted.Root ??= new Oci.Root();
        adapted.Linux ??= new Oci.Linux();
        adapted.Root.Path = rootPath;
        Complete(adapted.Process, place.SelinuxEnabled);
        adapted.Linux.CgroupsPath = place.CgroupPath;
        if (!place.SelinuxEnabled)
        {
            adapted.Linux.MountLabel = "";
        }

        AdaptNamespaces(adapted.Linux, place);
        AdaptMounts(adapted, mounts ?? []);
        AdaptResources(adapted.Linux.Resources);
        return adapted;
    }

    /// <summary>
    /// The defaults of a process that the wire leaves out; labels only where the guest's kernel enforces them.
    /// </summary>
    public static void Complete(Oci.Process process, bool selinuxEnabled)
    {
        if (process.Args.Count == 0)
        {
            process.Args.Add("sh");
        }

        if (!selinuxEnabled)
        {
            process.SelinuxLabel = "";
        }
    }

    private static void AdaptNamespaces(Oci.Linux linux, ContainerPlace place)
    {
        var kept = new List<Oci.LinuxNamespace>();
        var hasCgroup = false;
        foreach (var space in linux.Namespaces)
        {
            switch (space.Type)
            {
                case "ipc":
                    kept.Add(new Oci.LinuxNamespace { Type = "ipc", Path = place.IpcNamespace });
                    break;
                case "uts":
                    kept.Add(new Oci.LinuxNamespace { Type = "uts", Path = place.UtsNamespace });
                    break;
                // The pid namespace is the agent's choice; all containers share the guest's network.
                case "pid" or "network" or "time":
                    break;
                default:
                    hasCgroup |= space.Type == "cgroup";
                    kept.Add(new Oci.LinuxNamespace { Type = space.Type });
                    break;
            }
        }

        kept.Add(new Oci.LinuxNamespace { Type = "pid", Path = place.PidNamespace });
        if (!hasCgroup)
        {
            kept.Add(new Oci.LinuxNamespace { Type = "cgroup" });
        }

        linux.Namespaces.Clear();
        linux.Namespaces.AddRange(kept);
    }

    private static void AdaptMounts(Oci.Spec spec, IReadOnlyList<MountInfo> mounts)
    {
        foreach (var mount in spec.Mounts)
        {
            // Types such as "local" are the host's own names for a bind; only the options tell.
            if (mount.Options.Any(option => BindOptions.Contains(option)))
            {
                mount.Type = "bind";
                KeepProhibitions(mount, mounts);
            }
        }
    }

    /// <summary>
    /// What the source forbids, such as running programs from shared memory, crun would allow again unless told.
    /// </summary>
    private static void KeepProhibitions(Oci.Mount mount, IReadOnlyList<MountInfo> mounts)
    {
        var source = mounts
            .Where(
                candidate =>
                    mount.Source == candidate.MountPoint
                        || mount.Source.StartsWith(candidate.MountPoint.TrimEnd('/') + "/", StringComparison.Ordinal))
            .MaxBy(candidate => candidate.MountPoint.Length);
        // Deliberate choices of the guest for its own files are not the container's business.
        if (source is null or { MountPoint: "/" or "/run" })
        {
            return;
        }

        var has = source.Options.Split(',');
        mount.Options.AddRange(Prohibitions
            .Where(
                pair =>
                    has.Contains(pair.Word) && !mount.Options.Contains(pair.Word)
                        && !mount.Options.Contains(pair.Opposite))
            .Select(pair => pair.Word));
    }

    private static void AdaptResources(Oci.LinuxResources? resources)
    {
        if (resources?.CPU is { } cpu)
        {
            // They number the host's memory nodes, which this machine does not have. Its CPUs are this machine's.
            cpu.Mems = "";
        }

        if (resources?.HugepageLimits is { Count: > 0 } pages)
        {
            for (var i = pages.Count - 1; i >= 0; i--)
            {
                if (pages[i].Limit == 0 || !File.Exists($"/sys/fs/cgroup/kata/hugetlb.{pages[i].Pagesize}.max"))
                {
                    pages.RemoveAt(i);
                }
            }
        }
    }
}
