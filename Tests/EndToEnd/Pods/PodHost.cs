using System.Globalization;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>All classes that run pods; they run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class PodTests : ICollectionFixture<PodHost>
{
    public const string Name = "pods";
}

/// <summary>
/// A private containerd with its CRI plugin, a CNI bridge inside its own network namespace and two handlers: the
/// runtime under test and runc beside it.
/// </summary>
public sealed class PodHost : PrivateContainerd
{
    /// <summary>The bridge that all pods are at.</summary>
    public const string Bridge = "cni-kata-e2e";

    /// <summary>The bridge's own address, the host's in the pods' network.</summary>
    public const string HostAddress = "10.88.71.1";

    private int _pods;

    public PodHost()
        : base("k8s.io")
    {
    }

    /// <summary>The handler of the runtime under test.</summary>
    public static string Handler => TestSettings.HasMachine ? "kata" : "runc";

    public override string Mark { get; } = $"kata-pods-{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}";

    internal CriClient Cri { get; private set; } = null!;

    /// <summary>Where tests put what pods mount.</summary>
    public string Volumes => Path.Combine(Directory, "volumes");

    /// <summary>
    /// A handler of the runtime under test whose network is what <see cref="SetOddNetworkAsync"/> says.
    /// </summary>
    public const string OddHandler = "kata-odd";

    private string Networks => Path.Combine(Directory, "cni");

    private string Plugins => Path.Combine(Directory, "cni-plugins");

    private string OddNetworks => Path.Combine(Directory, "cni-odd");

    // The bridge is there from the start, so that the first pod leaves the host as it found it.
    protected override string Preparation =>
        $"mkdir -p /var/lib/cni; mount -t tmpfs tmpfs /var/lib/cni; ip link add {Bridge} type bridge; ip link set {Bridge} up; "
        + "sysctl -q -w net.ipv4.ip_forward=1; mkdir -p /run/netns /run/mount; mount --make-rshared /";

    public override async Task InitializeAsync()
    {
        System.IO.Directory.CreateDirectory(Volumes);
        await base.InitializeAsync();
        await ImportAsync("pause.tar", BusyboxImage.WritePauseAsync);
        Cri = new CriClient(Socket);
        // The plugin hears of imported images and of the network's configuration by itself, some time later.
        await Until.TrueAsync(async () => await KnowsAsync(BusyboxImage.Name) && await KnowsAsync(BusyboxImage.Pause),
            TimeSpan.FromSeconds(20), () => $"the CRI plugin does not see the images: {Log()}");
        await Until.TrueAsync(
            async () => (await Cri.Runtime.StatusAsync(new StatusRequest(), CriClient.Call()))
                .Status.Conditions.All(c => c.Status),
            TimeSpan.FromSeconds(20), () => $"the CRI plugin is not ready: {Log()}");
        // One pod of runc first: it makes the bridge's address, the rules of the port map and the shared parents of
        // what follows.
        await using var pod = await Pod.RunAsync(
            this, handler: "runc", change: c =>
                c.PortMappings.Add(new PortMapping { ContainerPort = 80, HostPort = 8080 }));
    }

    /// <summary>
    /// What the plugin of <see cref="OddHandler"/> does in a pod's namespace, by shell, and the result that it gives.
    /// </summary>
    public async Task SetOddNetworkAsync(string script, string result)
    {
        await File.WriteAllTextAsync(Path.Combine(OddNetworks, "script"), script);
        await File.WriteAllTextAsync(Path.Combine(OddNetworks, "result"), result);
    }

    public override async Task RestartAsync(Func<Task> whileAway)
    {
        await base.RestartAsync(whileAway);
        // The plugin takes its pods over before it answers.
        await Until.TrueAsync(async () =>
        {
            try
            {
                return (await Cri.Runtime.StatusAsync(new StatusRequest(), CriClient.Call()))
                    .Status.Conditions.All(c => c.Status);
            }
            catch (RpcException)
            {
                return false;
            }
        }, TimeSpan.FromSeconds(30), () => $"the CRI plugin does not come back: {Log()}");
    }

    public override async Task DisposeAsync()
    {
        Cri?.Dispose();
        await base.DisposeAsync();
    }

    /// <summary>A name that no pod of this run had.</summary>
    public string NewName() => $"pod-{Interlocked.Increment(ref _pods).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>A folder for a volume.</summary>
    public string NewVolume()
    {
        var path = Path.Combine(Volumes, NewName());
        System.IO.Directory.CreateDirectory(path);
        return path;
    }

    protected override async Task<string> ConfigurationAsync()
    {
        System.IO.Directory.CreateDirectory(Networks);
        await File.WriteAllTextAsync(Path.Combine(Networks, "10-pods.conflist"),
            $$"""
            {"cniVersion": "0.4.0", "name": "pods", "plugins": [
              {"type": "bridge", "bridge": "{{Bridge}}", "isGateway": true, "ipMasq": true, "hairpinMode": true,
               "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/networks",
                        "ranges": [[{"subnet": "10.88.71.0/24"}], [{"subnet": "fd00:88:71::/64"}]],
                        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}] } },
              {"type": "portmap", "capabilities": {"portMappings": true} } ] }
            """);
        await WriteOddNetworkAsync();
        var version = (await Command.RunAsync("containerd", ["--version"], environment: Environs.AsReadOnly()))
            .Exited(0).Stdout.Split(' ')[2].TrimStart('v');
        return version.StartsWith("1.", StringComparison.Ordinal) ? OneFile() : TwoFile();
    }

    private async Task WriteOddNetworkAsync()
    {
        System.IO.Directory.CreateDirectory(Plugins);
        System.IO.Directory.CreateDirectory(OddNetworks);
        foreach (var plugin in System.IO.Directory.EnumerateFiles("/usr/lib/cni"))
            File.CreateSymbolicLink(Path.Combine(Plugins, Path.GetFileName(plugin)), plugin);
        var odd = Path.Combine(Plugins, "odd");
        await File.WriteAllTextAsync(odd,
            $$"""
            #!/bin/sh
            case $CNI_COMMAND in
                VERSION) echo '{"cniVersion": "0.4.0", "supportedVersions": ["0.4.0"]}' ;;
                ADD) nsenter --net="$CNI_NETNS" sh -e {{OddNetworks}}/script > /dev/null && cat {{OddNetworks}}/result ;;
            esac
            """);
        File.SetUnixFileMode(odd, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(OddNetworks, "10-odd.conflist"),
            """{"cniVersion": "0.4.0", "name": "odd", "plugins": [{"type": "odd"}]}""");
    }

    private async Task<bool> KnowsAsync(string image) =>
        (await Cri.Images.ImageStatusAsync(new ImageStatusRequest
        {
            Image = new ImageSpec { Image = image }
        }, CriClient.Call())).Image is not null;

    // containerd 1.6 and 1.7.
    private string OneFile()
    {
        const string cri = "plugins.\"io.containerd.grpc.v1.cri\"";
        return $"""
            version = 2
            {Common()}
            [{cri}]
              sandbox_image = "{BusyboxImage.Pause}"
              restrict_oom_score_adj = true
              disable_apparmor = true
              stream_server_address = "127.0.0.1"
              stream_server_port = "0"
            [{cri}.cni]
              bin_dir = "{Plugins}"
              conf_dir = "{Networks}"
            [{cri}.containerd]
              default_runtime_name = "runc"
            {Handlers(cri)}
            """;
    }

    private string TwoFile()
    {
        const string cri = "plugins.\"io.containerd.cri.v1.runtime\"";
        return $"""
            version = 3
            {Common()}
            [plugins."io.containerd.cri.v1.images".pinned_images]
              sandbox = "{BusyboxImage.Pause}"
            [plugins."io.containerd.grpc.v1.cri"]
              stream_server_address = "127.0.0.1"
              stream_server_port = "0"
            [{cri}]
              restrict_oom_score_adj = true
              disable_apparmor = true
            [{cri}.cni]
              bin_dir = "{Plugins}"
              conf_dir = "{Networks}"
            [{cri}.containerd]
              default_runtime_name = "runc"
            {Handlers(cri)}
            """;
    }

    private string Common() =>
        $"""
        root = "{Directory}/root"
        state = "{Directory}/state"
        disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
          "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
          "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.blockfile"]
        [grpc]
          address = "{Socket}"
        """;

    private string Handlers(string cri) =>
        $"""
        [{cri}.containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
        [{cri}.containerd.runtimes.kata]
          runtime_type = "io.containerd.kata.v2"
          privileged_without_host_devices = true
          pod_annotations = ["io.katacontainers.*"]
          container_annotations = ["io.katacontainers.*"]
        [{cri}.containerd.runtimes.{OddHandler}]
          runtime_type = "io.containerd.kata.v2"
          cni_conf_dir = "{OddNetworks}"
        """;
}
