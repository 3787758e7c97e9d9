using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>The configuration of our shim: as shipped, with the paths of this host and of the guest as built.</summary>
internal static class ShimConfiguration
{
    /// <summary>Kernel and initrd as built.</summary>
    public static string Guest { get; } = Path.Combine(Repository.Artifacts, "guest", "current");

    /// <summary>The file daemon that comes along.</summary>
    public static string Daemon { get; } = Path.Combine(Repository.Artifacts, "virtiofsd", "virtiofsd");

    /// <summary>Writes it, perhaps with another file daemon.</summary>
    public static string Write(string path, string? daemon = null)
    {
        File.WriteAllText(path,
            $"""
            [hypervisor.qemu]
            path = "{Qemu}"
            kernel = "{Guest}/vmlinux"
            initrd = "{Guest}/initrd.img"
            default_vcpus = 1
            default_memory = 512
            shared_fs = "virtio-fs"
            virtio_fs_daemon = "{daemon ?? Daemon}"
            [agent.kata]
            dial_timeout = 60
            [runtime]
            create_container_timeout = 80
            """);
        return path;
    }

    /// <summary>The VMM.</summary>
    public static string Qemu => "/usr/bin/qemu-system-x86_64";
}
