using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Host;

/// <summary>The configuration of our shim: as shipped, with the paths of this host and of the guest as built.</summary>
internal static class ShimConfiguration
{
    /// <summary>Kernel and initrd as built.</summary>
    public static string Guest { get; } = Path.Combine(Repository.Artifacts, "guest", "current");

    /// <summary>Writes it.</summary>
    public static string Write(string path)
    {
        var daemon = Path.Combine(Repository.Artifacts, "virtiofsd", "virtiofsd");
        File.WriteAllText(path,
            $"""
            [hypervisor.qemu]
            path = "{Qemu}"
            kernel = "{Guest}/vmlinux"
            initrd = "{Guest}/initrd.img"
            default_vcpus = 1
            default_memory = 512
            shared_fs = "virtio-fs"
            virtio_fs_daemon = "{daemon}"
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
