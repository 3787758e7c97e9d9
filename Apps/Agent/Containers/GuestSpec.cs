using Kata.Apps.Agent.Sandboxes;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>Turns the spec that the host sends into the one that this guest can run: its namespaces, cgroup, devices and limits.</summary>
internal static class GuestSpec
{
    private static readonly string[] BindOptions = ["bind", "rbind"];

    /// <summary>Where a container's cgroup lies below the cgroup root; the host's path names its own hierarchy and means nothing here.</summary>
    public static string CgroupPath(string sandboxId, string containerId) =>
        $"/kata/{(sandboxId.Length > 0 ? sandboxId : "sandbox")}/{containerId}";

    /// <param name="spec">As it came; it is not changed.</param>
    /// <param name="place">What the sandbox shares with its containers.</param>
    /// <param name="rootPath">The root file system, in the bundle.</param>
    public static Oci.Spec Adapt(Oci.Spec spec, ContainerPlace place, string rootPath)
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
        AdaptMounts(adapted);
        AdaptResources(adapted.Linux.Resources);
        return adapted;
    }

    /// <summary>The defaults of a process that the wire leaves out; labels only where the guest's kernel enforces them.</summary>
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

    /// <summary>
    /// The device filter. Hosts that send no rules leave the choice to the guest: the usual harmless nodes (which crun
    /// adds itself), the container's own devices, and mknod, which does not allow opening what was made.
    /// </summary>
    public static IReadOnlyList<DeviceRule> DeviceRules(Oci.Linux linux)
    {
        var rules = new List<DeviceRule>();
        if (linux.Resources is { Devices.Count: > 0 } resources)
        {
            foreach (var rule in resources.Devices)
            {
                // Zero and below say "any" on the wire.
                rules.Add(new DeviceRule(
                    rule.Allow,
                    rule.Type.Length > 0 ? rule.Type : "a",
                    rule.Major > 0 ? rule.Major : null,
                    rule.Minor > 0 ? rule.Minor : null,
                    rule.Access.Length > 0 ? rule.Access : "rwm"));
            }
        }
        else
        {
            rules.Add(new DeviceRule(false, "a", null, null, "rwm"));
            rules.Add(new DeviceRule(true, "c", null, null, "m"));
            rules.Add(new DeviceRule(true, "b", null, null, "m"));
        }

        foreach (var device in linux.Devices)
        {
            if (device.Type is "c" or "u" or "b")
            {
                rules.Add(new DeviceRule(true, device.Type == "b" ? "b" : "c", device.Major, device.Minor, "rwm"));
            }
        }

        return rules;
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

    private static void AdaptMounts(Oci.Spec spec)
    {
        foreach (var mount in spec.Mounts)
        {
            // Types such as "local" are the host's own names for a bind; only the options tell.
            if (mount.Options.Any(option => BindOptions.Contains(option)))
            {
                mount.Type = "bind";
            }
        }
    }

    private static void AdaptResources(Oci.LinuxResources? resources)
    {
        if (resources?.CPU is { } cpu)
        {
            // They number the host's CPUs and memory nodes, which this machine does not have.
            cpu.Cpus = "";
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
