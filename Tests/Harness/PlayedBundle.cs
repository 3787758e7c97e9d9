using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Tests.Harness;

/// <summary>
/// Specifications as Docker writes them for a single container, and containerd's CRI plugin for a pod's. A test of
/// recorded documents holds them to the real ones, field by field.
/// </summary>
internal static class PlayedBundle
{
    private static readonly string[] Capabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ];

    private static readonly Dictionary<string, string> Sysctl = new()
    {
        ["net.ipv4.ip_unprivileged_port_start"] = "0",
        ["net.ipv4.ping_group_range"] = "0 2147483647",
    };

    /// <summary>The specification of a container that runs one program.</summary>
    public static OciSpec Write(SandboxId sandbox, ContainerKind kind, string program)
    {
        var isPods = kind == ContainerKind.PodContainer;
        return new OciSpec
        {
            OciVersion = "1.2.0",
            Process = new OciProcess
            {
                Args = [program],
                Env = isPods || kind == ContainerKind.Single ? ["PATH=/bin", $"HOSTNAME={sandbox}"] : ["PATH=/bin"],
                User = new OciUser { AdditionalGids = kind == ContainerKind.PodSandbox ? [] : [0] },
                Capabilities = new OciCapabilities
                {
                    Bounding = Capabilities,
                    Effective = Capabilities,
                    Permitted = Capabilities,
                },
                OomScoreAdj = isPods ? null : 0,
                NoNewPrivileges = kind == ContainerKind.PodSandbox,
            },
            Root = new OciRoot { Path = "rootfs" },
            Hostname = isPods ? null : sandbox.Value,
            Mounts = [.. Mounts(kind)],
            Annotations = Annotate(sandbox, kind),
            Linux = new OciLinux
            {
                CgroupsPath = $"/tests/{sandbox}",
                Sysctl = kind == ContainerKind.Single ? Sysctl : [],
                Namespaces = [.. Namespaces(isPods)],
                Resources = new OciResources
                {
                    Devices = [.. Rules(kind)],
                    Cpu = kind == ContainerKind.PodSandbox ? new OciCpu { Shares = 2 } : null,
                },
                Seccomp = kind == ContainerKind.Single ? Filter() : null,
                MaskedPaths = isPods ? [] : ["/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"],
                ReadonlyPaths = isPods ? [] : ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
            },
        };
    }

    // Those of a pod's container are the pod's, but for its processes.
    private static IEnumerable<OciNamespace> Namespaces(bool isPods)
    {
        yield return new OciNamespace { Type = "mount" };
        yield return new OciNamespace { Type = "pid" };
        yield return new OciNamespace { Type = "network", Path = isPods ? "/proc/4321/ns/net" : null };
        yield return new OciNamespace { Type = "uts", Path = isPods ? "/proc/4321/ns/uts" : null };
        yield return new OciNamespace { Type = "ipc", Path = isPods ? "/proc/4321/ns/ipc" : null };
    }

    private static IEnumerable<OciDeviceRule> Rules(ContainerKind kind)
    {
        yield return new OciDeviceRule { Allow = false, Access = "rwm" };
        if (kind == ContainerKind.Single)
            yield return new OciDeviceRule { Allow = true, Type = "c", Major = 1, Minor = 3, Access = "rwm" };
    }

    private static OciSeccomp Filter() => new()
    {
        DefaultAction = "SCMP_ACT_ERRNO",
        DefaultErrnoRet = 1,
        Architectures = ["SCMP_ARCH_X86_64"],
        Syscalls =
        [
            new OciSyscall { Names = ["read", "write"], Action = "SCMP_ACT_ALLOW" },
            new OciSyscall
            {
                Names = ["socket"],
                Action = "SCMP_ACT_ALLOW",
                Args = [new OciSyscallArg { Index = 0, Value = 40, Op = "SCMP_CMP_NE" }],
            },
        ],
    };

    // The kernel's own; those of host files are a test's.
    private static IEnumerable<OciMount> Mounts(ContainerKind kind)
    {
        yield return Of("/proc", "proc", "proc", "nosuid", "noexec", "nodev");
        yield return Of("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        yield return Of(
            "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5");
        yield return Of("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");
        yield return Of("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro");
        if (kind == ContainerKind.PodContainer)
            yield return Of("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro");
        if (kind != ContainerKind.Single)
            yield break;
        yield return Of("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev");
        yield return Of("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=67108864");
    }

    private static OciMount Of(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };

    private static Dictionary<string, string> Annotate(SandboxId sandbox, ContainerKind kind)
    {
        if (kind == ContainerKind.Single)
            return [];
        var isPod = kind == ContainerKind.PodSandbox;
        return new Dictionary<string, string>
        {
            ["io.kubernetes.cri.container-type"] = isPod ? "sandbox" : "container",
            ["io.kubernetes.cri.sandbox-id"] = sandbox.Value,
            ["io.kubernetes.cri.sandbox-name"] = "web",
            ["io.kubernetes.cri.sandbox-namespace"] = "tests",
            ["io.kubernetes.cri.sandbox-uid"] = "uid-of-a-pod",
            [isPod ? "io.kubernetes.cri.sandbox-log-directory" : "io.kubernetes.cri.container-name"] = "web",
            [isPod ? "io.kubernetes.cri.podsandbox.image-name" : "io.kubernetes.cri.image-name"] = "busybox",
        };
    }
}
