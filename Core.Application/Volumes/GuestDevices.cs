using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;

namespace Kata.Core.Application.Volumes;

/// <summary>Which of the host's device nodes mean something in another machine.</summary>
internal static class GuestDevices
{
    /// <summary>The nodes that every Linux machine has under the same number, without hardware.</summary>
    private static readonly Dictionary<DeviceNumber, string> Everywhere = new()
    {
        [new(1, 3)] = "/dev/null",
        [new(1, 5)] = "/dev/zero",
        [new(1, 7)] = "/dev/full",
        [new(1, 8)] = "/dev/random",
        [new(1, 9)] = "/dev/urandom",
        [new(5, 0)] = "/dev/tty",
        [new(5, 1)] = "/dev/console",
        [new(5, 2)] = "/dev/ptmx",
        [new(10, 200)] = "/dev/net/tun",
        [new(10, 229)] = "/dev/fuse",
    };

    /// <summary>The guest's own node for a character device of the host; null if the guest has none.</summary>
    public static string? OwnNode(DeviceNumber number) => Everywhere.GetValueOrDefault(number);

    /// <summary>A character device that no guest can have.</summary>
    public static KataException HostsOwn(OciDevice node, DeviceNumber number) => new(ErrorKind.InvalidArgument,
        $"character device {node.Path} ({number}) of the host cannot be passed to a VM; "
        + "only block devices can");

    /// <summary>
    /// All devices are allowed: the container is privileged, and its nodes are a list of the whole host's.
    /// </summary>
    public static bool AllowsAll(OciResources? resources) => (resources?.Devices ?? []).Any(rule =>
        rule.Allow && rule.Type is null or "" or "a" && rule.Major is null or < 0 && rule.Minor is null or < 0
            && (rule.Access ?? "rwm").Contains('w'));

    /// <summary>Rules that speak of one device.</summary>
    public static IReadOnlyList<OciDeviceRule> RulesOf(OciResources? resources, string type, DeviceNumber number) =>
        [.. (resources?.Devices ?? []).Where(rule => rule.Allow && rule.Type == type && rule.Major == number.Major
            && rule.Minor == number.Minor)];

    /// <summary>True if rules speak of the device and none of them lets it be written.</summary>
    public static bool IsReadOnly(IReadOnlyList<OciDeviceRule> rules) =>
        rules.Count > 0 && !rules.Any(rule => (rule.Access ?? "rwm").Contains('w'));
}
