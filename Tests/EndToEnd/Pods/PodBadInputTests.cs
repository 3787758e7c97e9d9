using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Nonsense is refused with a sentence, and the pod's other containers do not notice.</summary>
public sealed class PodBadInputTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Update_with_nonsense_is_refused()
    {
        await RefusedAsync(() => UpdateAsync(new LinuxContainerResources { CpusetCpus = "0-99999" }));
        await RefusedAsync(() => UpdateAsync(new LinuxContainerResources { CpusetCpus = "many" }));
        await RefusedAsync(() => UpdateAsync(new LinuxContainerResources { CpuPeriod = 5 }));
    }

    [Fact]
    public async Task Requests_for_what_does_not_exist_are_not_found()
    {
        (await RefusedAsync(() => Pod.ExecAsync("none", ["true"]))).Should().Be(StatusCode.NotFound);
        (await RefusedAsync(() => Pod.StatusAsync("none"))).Should().Be(StatusCode.NotFound);
        (await RefusedAsync(() => Host.Cri.Runtime.PodSandboxStatusAsync(new PodSandboxStatusRequest
        {
            PodSandboxId = "none"
        }, CriClient.Call()).ResponseAsync))
            .Should().Be(StatusCode.NotFound);
    }

    [Fact]
    public async Task Image_that_is_missing_is_refused()
    {
        var config = Pod.NewContainer();
        config.Image.Image = "docker.io/library/none:e2e";

        await RefusedAsync(() => Pod.CreateAsync(config));
    }

    [Fact]
    public async Task Volume_that_vanishes_before_the_start_is_refused_or_kept()
    {
        var volume = Host.NewVolume();
        var config = Pod.NewContainer("ls", "/data");
        config.Mounts.Add(new Mount { HostPath = volume, ContainerPath = "/data" });
        var id = await Pod.CreateAsync(config);
        Directory.Delete(volume);

        await FluentActions.Awaiting(() => Pod.StartAsync(id)).Should().ThrowAsync<RpcException>();
        await Pod.RemoveAsync(id);
        await AliveAsync();
    }

    [Fact]
    public async Task Volume_that_is_a_socket_or_a_device_says_what_it_gets()
    {
        var volume = Host.NewVolume();
        using var socket = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream,
            System.Net.Sockets.ProtocolType.Unspecified);
        var path = Path.Combine(volume, "s");
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));

        var config = Pod.NewContainer("ls", "-l", "/s");
        config.Mounts.Add(new Mount { HostPath = path, ContainerPath = "/s" });
        try
        {
            var done = await Pod.RunToEndAsync(config);
            done.Ok().Should().StartWith("s");
        }
        catch (RpcException e)
        {
            e.Status.Detail.Should().Contain(path);
        }

        await AliveAsync();
    }

    [Fact]
    public async Task User_that_the_image_does_not_know_is_refused()
    {
        var config = Pod.NewContainer();
        config.Linux.SecurityContext.RunAsUsername = "nobody-knows";

        await RefusedAsync(() => Pod.StartAsync(config));
    }

    private async Task<StatusCode> RefusedAsync(Func<Task> call)
    {
        var refused = (await FluentActions.Awaiting(call).Should().ThrowAsync<RpcException>()).Which;
        refused.Status.Detail.Should().NotBeEmpty().And.NotContain("Exception");
        if (TestSettings.HasMachine)
            refused.Status.Detail.Should().NotContain("\n");
        refused.StatusCode.Should().NotBe(StatusCode.DeadlineExceeded);
        await AliveAsync();
        return refused.StatusCode;
    }

    private async Task UpdateAsync(LinuxContainerResources resources) =>
        await Host.Cri.Runtime.UpdateContainerResourcesAsync(
            new UpdateContainerResourcesRequest { ContainerId = Container, Linux = resources }, CriClient.Call());

    private async Task AliveAsync() => (await Pod.ShellAsync(Container, "echo alive")).Should().Be("alive\n");
}

/// <summary>Pods that cannot be: refused before or with their machine, and nothing stays.</summary>
public sealed class BadPodTests(PodHost host) : PodTest(host)
{
    [MachineFact]
    public async Task Pod_on_the_hosts_network_is_refused()
    {
        var refused = await FluentActions.Awaiting(
            () => Pod.RunAsync(Host, c => c.Linux.SecurityContext.NamespaceOptions.Network = NamespaceMode.Node))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain("host").And.Contain("network");
    }

    [MachineTheory]
    [InlineData("ip link add eth0 type veth peer name eth1; for l in eth0 eth1; do ip addr add 10.88.79.2/24 dev $l; ip link set $l up; done", "10.88.79.2")]
    [InlineData("ip link add eth0 type veth peer name bare; ip addr add 10.88.79.2/24 dev eth0; ip link set eth0 up; ip link set bare addrgenmode none; ip link set bare up; ip route add default dev bare", "default route")]
    public async Task Pod_whose_links_contradict_each_other_is_refused(string links, string named)
    {
        await Host.SetOddNetworkAsync(links, Address("10.88.79.2/24"));

        var refused = await FluentActions.Awaiting(() => Pod.RunAsync(Host, handler: PodHost.OddHandler))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain(named).And.Contain("link");
    }

    [MachineFact]
    public async Task Pod_whose_network_plugin_gives_nothing_is_refused()
    {
        await Host.SetOddNetworkAsync(":", """{"cniVersion": "0.4.0"}""");

        var refused = await FluentActions.Awaiting(() => Pod.RunAsync(Host, handler: PodHost.OddHandler))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain("network");
    }

    [MachineFact]
    [Trait("peers", "no")]
    public async Task Pod_whose_network_plugin_tells_of_a_link_that_is_not_there_runs_without_it()
    {
        await Host.SetOddNetworkAsync(":", Address("10.88.79.2/24"));
        await using var pod = await Pod.RunAsync(Host, handler: PodHost.OddHandler);
        var container = await pod.StartAsync(pod.NewContainer());

        (await pod.ShellAsync(container, "ls /sys/class/net; ping -q -c 1 -W 5 127.0.0.1 > /dev/null && echo alive"))
            .Should().Be("lo\nalive\n");
    }

    private static string Address(string address) =>
        $$"""{"cniVersion": "0.4.0", "interfaces": [{"name": "eth0", "sandbox": "pod"}], "ips": [{"version": "4", "interface": 0, "address": "{{address}}"}]}""";

    [MachineFact]
    public async Task Pod_whose_annotation_is_not_enabled_is_refused()
    {
        var refused = await FluentActions.Awaiting(
            () => Pod.RunAsync(Host, c => c.Annotations["io.katacontainers.config.hypervisor.default_vcpus"] = "2"))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain("default_vcpus");
    }

    [Fact]
    public async Task Pod_of_an_unknown_handler_is_refused()
    {
        await FluentActions.Awaiting(() => Pod.RunAsync(Host, handler: "none")).Should().ThrowAsync<RpcException>();
    }

    [Fact]
    public async Task Container_made_while_its_pod_stops_is_made_or_refused_and_nothing_stays()
    {
        await using var pod = await Pod.RunAsync(Host);
        var stopping = pod.StopAsync();
        try
        {
            await pod.StartAsync(pod.NewContainer());
        }
        catch (RpcException e)
        {
            e.Status.Detail.Should().NotBeEmpty();
        }

        await stopping;
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Pod_with_a_sysctl_that_does_not_exist_is_refused()
    {
        var refused = await FluentActions.Awaiting(
            () => Pod.RunAsync(Host, c => c.Linux.Sysctls["net.ipv4.no_such_knob"] = "1"))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain("no_such_knob");
    }

    [Fact]
    public async Task Machine_killed_under_a_pod_is_told_and_the_pod_can_be_removed()
    {
        if (!TestSettings.HasMachine)
            return;
        await using var pod = await Pod.RunAsync(Host);
        var container = await pod.StartAsync(pod.NewContainer());
        var machine = HostProcesses("qemu-system");

        await TestHost.Command.RunAsync("kill", ["-KILL", .. machine]);

        (await pod.ExitedAsync(container)).ExitCode.Should().NotBe(0);
        await Kata.Tests.EndToEnd.Host.Until.TrueAsync(
            async () => (await pod.StatusAsync()).State == PodSandboxState.SandboxNotready,
            TimeSpan.FromSeconds(20), () => "the pod is still told as ready");
    }

    private IEnumerable<string> HostProcesses(string name) =>
        Kata.Tests.EndToEnd.Host.HostPicture.Processes(Host.InitPid)
            .Where(p => p.Name.StartsWith(name[..Math.Min(name.Length, 15)], StringComparison.Ordinal))
            .Select(p => p.Pid.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
