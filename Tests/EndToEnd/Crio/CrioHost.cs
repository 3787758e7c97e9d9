using System.Text.Json.Nodes;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;

namespace Kata.Tests.EndToEnd.Crio;

/// <summary>
/// CRI-O's side of a runtime of type <c>vm</c>: directories, root filesystems, network namespaces and exit files as
/// CRI-O makes them on the private host. What it makes it removes.
/// </summary>
internal sealed class CrioHost(PrivateContainerd host) : IAsyncDisposable
{
    private const string Storage = "/run/containers/storage";
    private const string Exits = "/run/crio/exits";
    private const string Fifos = "/run/vc/crio/fifo/io";

    private const string Namespaces = "/run/ns";

    private readonly List<string> _mounts = [];
    private readonly List<string> _namespaces = [];

    public PrivateContainerd Host { get; } = host;

    /// <summary>What the one file of a pause container's image is run with.</summary>
    public static IReadOnlyList<string> PauseCommand { get; } = ["/busybox", "sleep", "100000"];

    /// <summary>The shim's program, by the absolute path that CRI-O wants.</summary>
    public static string Shim => Path.Combine(TestSettings.PublishDirectory, "containerd-shim-kata-v2");

    /// <summary>Key <c>runtime_config_path</c>.</summary>
    public string Configuration => Host.Configuration.Path;

    /// <summary>A bundle's directory.</summary>
    public static string BundleOf(string id) => $"{Storage}/overlay-containers/{id}/userdata";

    /// <summary>The pod's other namespaces, by that of its network.</summary>
    public static string NamespaceBeside(string network, string kind) =>
        $"{Namespaces}/{kind}ns/{Path.GetFileName(network)}";

    /// <summary>An overlay of busybox, mounted as CRI-O mounts an image, which has nothing but programs.</summary>
    public Task<string> MountRootAsync(string id) => MountAsync(id, "busybox", "bin/busybox");

    /// <summary>The same of a pause container's image, which is one file.</summary>
    public Task<string> MountPauseAsync(string id) => MountAsync(id, "pause", "busybox");

    private async Task<string> MountAsync(string id, string image, string program)
    {
        var lower = $"{Host.Directory}/crio-{image}";
        if (!File.Exists($"{lower}/{program}"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName($"{lower}/{program}")!);
            File.Copy(new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists), $"{lower}/{program}");
            if (Directory.Exists($"{lower}/bin"))
                File.CreateSymbolicLink($"{lower}/bin/sh", "busybox");
        }

        var overlay = $"{Storage}/overlay/{id}";
        await MakeAsync($"{overlay}/diff", $"{overlay}/work", $"{overlay}/merged");
        (await Host.InsideAsync("busybox", "mount", "-t", "overlay", "-o",
            $"lowerdir={lower},upperdir={overlay}/diff,workdir={overlay}/work", "overlay",
            $"{overlay}/merged")).Exited(0);
        _mounts.Add($"{overlay}/merged");
        return $"{overlay}/merged";
    }

    /// <summary>A namespace with one NIC of a network that ends on the host.</summary>
    public async Task<string> MakeNetworkAsync(string name)
    {
        _namespaces.Add(name);
        foreach (var line in new[]
        {
            $"netns add {name}", $"link add {name} type veth peer name eth0 netns {name}", $"link set {name} up",
            $"addr add 10.88.0.1/24 dev {name}",
            $"-n {name} link set lo up", $"-n {name} link set eth0 up", $"-n {name} addr add 10.88.0.2/24 dev eth0",
            $"-n {name} route add default via 10.88.0.1",
        })
            (await Host.InsideAsync(["ip", .. line.Split(' ')])).Exited(0);
        var network = $"/run/netns/{name}";
        var (ipc, uts) = (NamespaceBeside(network, "ipc"), NamespaceBeside(network, "uts"));
        await MakeAsync(Path.GetDirectoryName(ipc)!, Path.GetDirectoryName(uts)!);
        (await Host.InsideAsync("touch", ipc, uts)).Exited(0);
        (await Host.InsideAsync("unshare", $"--ipc={ipc}", $"--uts={uts}", "true")).Exited(0);
        _mounts.AddRange([ipc, uts]);
        return network;
    }

    /// <summary>A bundle in the container's run directory. That of a pod has what its containers share.</summary>
    public async Task<string> WriteBundleAsync(string id, JsonObject specification)
    {
        var bundle = BundleOf(id);
        await MakeAsync(bundle, Exits);
        await File.WriteAllTextAsync(Host.Seen($"{bundle}/config.json"), specification.ToJsonString());
        if (specification["annotations"]!["io.kubernetes.cri-o.ContainerType"]!.GetValue<string>() != "sandbox")
            return bundle;
        await File.WriteAllTextAsync(Host.Seen($"{bundle}/hostname"), "one\n");
        await File.WriteAllTextAsync(Host.Seen($"{bundle}/resolv.conf"), "nameserver 10.88.0.1\n");
        await File.WriteAllTextAsync(Host.Seen($"{bundle}/.containerenv"), "");
        await MakeAsync($"{bundle}/shm");
        (await Host.InsideAsync("busybox", "mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=1777,size=65536k",
            "shm", $"{bundle}/shm")).Exited(0);
        _mounts.Add($"{bundle}/shm");
        return bundle;
    }

    /// <summary>The directory of one set of streams.</summary>
    public async Task<string> MakeFifoDirectoryAsync()
    {
        var directory = $"{Fifos}/{Guid.NewGuid():N}";
        await MakeAsync(directory);
        return directory;
    }

    /// <summary>What a container's end leaves for whoever reconciles.</summary>
    public Task WriteExitAsync(string id, uint code) => File.WriteAllTextAsync(Host.Seen($"{Exits}/{id}"), $"{code}");

    /// <summary>Runs <c>start</c>; standard output and error together are the answer, as up to CRI-O 1.36.</summary>
    public async Task<CommandResult> StartAsync(string bundle, string id)
    {
        // A shell, as nsenter itself would look for the directory before it is inside.
        const string script = "cd \"$1\" && shift && exec \"$@\" 2>&1";
        return (await Host.InsideAsync(
            "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GOMAXPROCS=2",
            "MAX_SHIM_VERSION=2",
            "TTRPC_ADDRESS=", "GRPC_ADDRESS=", "NAMESPACE=default",
            "sh", "-c", script, "crio", bundle, Shim, "-namespace", "default", "-address", "", "-publish-binary",
            "/usr/bin/crio", "-id", id, "start")).Exited(0);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var mount in _mounts)
            await Host.InsideAsync("busybox", "umount", mount);
        foreach (var name in _namespaces)
        {
            await Host.InsideAsync("ip", "link", "delete", name);
            await Host.InsideAsync("ip", "netns", "delete", name);
        }

        // The first namespace makes its directory a mount of its own.
        await Host.InsideAsync("busybox", "umount", "/run/netns");
        await Host.InsideAsync(
            "rm", "-rf", "--one-file-system", "/run/netns", Namespaces, "/run/containers", "/run/crio", "/run/vc/crio");
    }

    private async Task MakeAsync(params string[] directories) =>
        (await Host.InsideAsync(["mkdir", "-p", .. directories])).Exited(0);
}
