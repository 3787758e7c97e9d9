using static Kata.Tests.Parity.IntendedDifference;

namespace Kata.Tests.Parity.Managers;

/// <summary>Where played managers differ from real ones. A test holds it to the truth both ways.</summary>
internal static class ManagerDifferences
{
    private const string HostFiles = "a test that shares files of the host says which: each is a share of its own";
    private const string OwnNamespace = "a test names the namespace that it wants; without one the core makes it";
    private const string Smallest = "the smallest container that runs: figures of one year are to be those of the next";

    public static IReadOnlyList<IntendedDifference> HarnessSingle { get; } =
    [
        Ours("linux.seccomp.syscalls[].args[].valueTwo", "a zero, which our type writes out"),
        Upstreams("mounts[/etc/hostname]*", HostFiles),
        Upstreams("mounts[/etc/hosts]*", HostFiles),
        Upstreams("mounts[/etc/resolv.conf]*", HostFiles),
    ];

    public static IReadOnlyList<IntendedDifference> HarnessPod { get; } =
    [
        Upstreams("linux.namespaces[network].path", OwnNamespace),
        Upstreams("mounts[/dev/shm]*", HostFiles),
        Upstreams("mounts[/etc/resolv.conf]*", HostFiles),
        Upstreams("root.readonly", "the pause image's; tests use a pod's first container as any other"),
    ];

    public static IReadOnlyList<IntendedDifference> HarnessPodContainer { get; } =
    [
        Upstreams("mounts[/dev/shm]*", HostFiles),
        Upstreams("mounts[/etc/hostname]*", HostFiles),
        Upstreams("mounts[/etc/hosts]*", HostFiles),
        Upstreams("mounts[/etc/resolv.conf]*", HostFiles),
    ];

    public static IReadOnlyList<IntendedDifference> Benchmarks { get; } =
    [
        Upstreams("annotations.io.kubernetes.cri.*", Smallest),
        Upstreams("linux.*", Smallest),
        Upstreams("mounts*", Smallest),
        Upstreams("process.*", Smallest),
    ];
}
