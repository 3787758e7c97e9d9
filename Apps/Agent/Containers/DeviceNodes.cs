using Kata.Apps.Agent.Devices;
using Kata.Platform.Linux;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Containers;

/// <summary>
/// The devices of a container, in the guest's numbers. The host's numbers name other devices here, at worst the guest's
/// own disk: so a block device that the host did not attach is left out, and a character device is looked up by its
/// name.
/// </summary>
internal static class DeviceNodes
{
    /// <param name="linux">With the host's nodes and rules; changed to the guest's.</param>
    /// <param name="attached">What was attached for this container.</param>
    public static void Adapt(Oci.Linux linux, IReadOnlyCollection<ContainerDevice> attached) =>
        Adapt(linux, attached, GuestNode, () => GuestNodes.List());

    /// <param name="guestNode">The character device of a path in the guest.</param>
    /// <param name="allNodes">Every device of the guest, for a container that may have all.</param>
    internal static void Adapt(
        Oci.Linux linux,
        IReadOnlyCollection<ContainerDevice> attached,
        Func<string, (uint Major, uint Minor)?> guestNode,
        Func<IEnumerable<Oci.LinuxDevice>> allNodes)
    {
        foreach (var device in attached)
        {
            if (device.Node is not null && !linux.Devices.Any(node => node.Path == device.ContainerPath))
            {
                throw AgentRefusals.Internal(
                    $"Missing devices in OCI spec: a device was attached for {device.ContainerPath}, "
                    + "which the spec does not have");
            }
        }

        var mayHaveAll = MayHaveAll(linux);
        var numbers = new Dictionary<(string, long, long), (uint Major, uint Minor)>();
        for (var i = linux.Devices.Count - 1; i >= 0; i--)
        {
            var node = linux.Devices[i];
            var found = attached.FirstOrDefault(device => device.ContainerPath == node.Path);
            if (found is null && node.Type == "b")
            {
                linux.Devices.RemoveAt(i);
            }
            else if (found is null && mayHaveAll && guestNode(node.Path) is null)
            {
                linux.Devices.RemoveAt(i);
            }
            else if (
                (found?.Node is { } disk ? (disk.Major, disk.Minor) : found is null
                    && IsCharacter(node.Type) ? guestNode(node.Path) : null) is var (major, minor))
            {
                numbers.TryAdd((TypeOf(found?.Node is null ? node.Type : "b"), node.Major, node.Minor), (major, minor));
                (node.Major, node.Minor) = (major, minor);
                if (found?.Node is not null)
                {
                    node.Type = "b";
                }
            }
        }

        // From the host's numbers to the guest's in one step: what one was changed to may be what another came with.
        foreach (var rule in linux.Resources?.Devices ?? [])
        {
            if (numbers.TryGetValue((rule.Type, rule.Major, rule.Minor), out var guest))
            {
                (rule.Major, rule.Minor) = (guest.Major, guest.Minor);
            }
        }

        if (mayHaveAll)
        {
            var named = linux.Devices.Select(node => node.Path).ToHashSet(StringComparer.Ordinal);
            linux.Devices.AddRange(allNodes().Where(node => !named.Contains(node.Path)));
        }
    }

    /// <summary>
    /// The device filter. Hosts that send no rules leave the choice to the guest: the usual harmless nodes (which crun
    /// adds itself), the container's own devices, and mknod, which does not allow opening what was made.
    /// </summary>
    public static IReadOnlyList<DeviceRule> Rules(Oci.Linux linux)
    {
        var rules = new List<DeviceRule>();
        if (linux.Resources is { Devices.Count: > 0 } resources)
        {
            foreach (var rule in resources.Devices)
            {
                // Zero and below say "any" on the wire; only a device of the container makes a zero of it.
                var isDevice = rule.Major > 0 && rule.Minor == 0
                    && linux.Devices.Any(
                        device => TypeOf(device.Type) == rule.Type && device.Major == rule.Major && device.Minor == 0);
                rules.Add(new DeviceRule(
                    rule.Allow,
                    rule.Type.Length > 0 ? rule.Type : "a",
                    rule.Major > 0 ? rule.Major : null,
                    rule.Minor > 0 || isDevice ? rule.Minor : null,
                    rule.Access.Length > 0 ? rule.Access : "rwm"));
            }
        }
        else
        {
            rules.Add(new DeviceRule(false, "a", null, null, "rwm"));
            rules.Add(new DeviceRule(true, "c", null, null, "m"));
            rules.Add(new DeviceRule(true, "b", null, null, "m"));
        }

        if (MayHaveAll(linux))
        {
            return rules;
        }

        foreach (var device in linux.Devices)
        {
            // A rule of the host for just this device says how it may be used.
            if (TypeOf(device.Type) is { Length: > 0 } type
                && !rules.Exists(
                    rule =>
                        rule.Allow && rule.Type == type && rule.Major == device.Major && rule.Minor == device.Minor))
            {
                rules.Add(new DeviceRule(true, type, device.Major, device.Minor, "rwm"));
            }
        }

        return rules;
    }

    /// <summary>
    /// Whether the last word on all devices is that they are allowed, as a privileged container has it.
    /// </summary>
    private static bool MayHaveAll(Oci.Linux linux) =>
        linux.Resources?.Devices.LastOrDefault(rule => rule.Type is "a" or "" && rule.Major <= 0
            && rule.Minor <= 0) is { Allow: true } last
        && last.Access.Contains('r', StringComparison.Ordinal) && last.Access.Contains('w', StringComparison.Ordinal);

    private static bool IsCharacter(string type) => type is "c" or "u";

    private static string TypeOf(string type) => type switch { "c" or "u" => "c", "b" => "b", _ => "" };

    private static (uint Major, uint Minor)? GuestNode(string path) =>
        FileStatus.TryOf(path) is { IsCharacterDevice: true } status ? (status.NodeMajor, status.NodeMinor) : null;
}
