using static Kata.Tests.Parity.IntendedDifference;

namespace Kata.Tests.Parity;

/// <summary>
/// Where our calls to the agent differ from upstream's for the same requests. A test holds it to the truth both ways.
/// </summary>
internal static class AgentDifferences
{
    private const string SameDirectory = "the same directory, without the slash at its end";
    private const string NothingAdded = "nothing was added to the machine, so nothing is to be brought online";
    private const string WholeMachine = "the machine goes at once and its containers with it: nobody needs them removed one by one";
    private const string NoNetwork = "the guest of a sandbox without a network of its own has loopback alone";
    private const string OwnProcess = "a kill without 'all' is for the init alone; without the id signal 9 would go to all";
    private const string DeviceRules = "the container's own rules hold in the guest too: a device that is not allowed is refused there";
    private const string VirtioBlk = "a disk is virtio-blk on the PCI bus, where the recorded configuration had virtio-scsi; the guest is told which";
    private const string Drained = "output that nobody wants is read all the same, or a process that prints would stop at a full pipe";
    private const string GrownFirst = "the machine has grown before the guest hears of the container that needs it";
    private const string OneFile = "a file of the host is one file for all containers of a pod, so that sockets and locks in it are too (ADR 21)";
    private const string AsAsked = "an exec gets what its client asked for, not what the container has";

    public static IReadOnlyList<IntendedDifference> Table { get; } =
    [
        Upstreams("CreateSandbox storages[/run/kata-containers/shared/containers/]*", SameDirectory),
        Ours("CreateSandbox storages[/run/kata-containers/shared/containers].*", SameDirectory),
        Upstreams(
            "CreateSandbox dns=*", "each container has its resolv.conf mounted; the guest itself looks nothing up"),
        Upstreams("call UpdateInterface", NoNetwork),
        Upstreams("call UpdateRoutes", NoNetwork),
        Upstreams("CreateContainer OCI.Annotations.nerdctl/network-namespace=*", NoNetwork),

        Ours(
            "CreateContainer OCI.Annotations.io.katacontainers.pkg.oci.*",
            "the guest is told of what kind a container is also where the bundle has no annotations"),
        Ours("CreateContainer OCI.Linux.Resources.Devices[*", DeviceRules),
        Upstreams("CreateContainer devices[0].*", VirtioBlk),
        Ours("CreateContainer devices[0].*", VirtioBlk),

        .. OfOneFile("vol", "c1"),
        .. OfOneFile("empty", "c1"),
        .. OfOneFile("etc/hostname", "c1"),
        .. OfOneFile("etc/hosts", "c1"),
        .. OfOneFile("etc/resolv.conf", "pod"),

        Upstreams("call OnlineCPUMem", NothingAdded),
        Upstreams("call CreateContainer c1", GrownFirst),
        Ours("call CreateContainer c1", GrownFirst),
        Upstreams(
            "call UpdateEphemeralMounts", "no storage of the sandbox has a size that follows the machine's memory"),
        Upstreams(
            "call RemoveStaleVirtiofsShareMounts",
            "the host detaches its mounts lazily, so nothing waits for the share's daemon to let go"),

        Ours("ReadStdout container_id=pod exec_id=pod len=32768", Drained),
        Ours("ReadStderr container_id=pod exec_id=pod len=32768", Drained),
        Ours(
            "CloseStdin container_id=*",
            "a process without input sees its end at once, not an open pipe that nobody writes to"),
        Ours("ExecProcess process.*", AsAsked),

        Ours("SignalProcess exec_id=*", OwnProcess),
        Upstreams("call SignalProcess pod 9", WholeMachine),
        Upstreams("call SignalProcess c1 9", "its init has ended; what else it has goes when it is removed"),
        Upstreams("call SignalProcess c2 9", "its init has ended; what else it has goes when it is removed"),
        Upstreams("call RemoveContainer pod", WholeMachine),
    ];

    // What the second container mounts, the first one or the pod has already.
    private static IEnumerable<IntendedDifference> OfOneFile(string path, string first)
    {
        var name = path[(path.LastIndexOf('/') + 1)..];
        var source = $"CreateContainer OCI.Mounts[/{path}].source=/run/kata-containers/shared/containers/";
        return [Upstreams($"{source}c2-N-{name}", OneFile), Ours($"{source}{first}-N-{name}", OneFile)];
    }
}
