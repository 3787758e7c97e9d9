using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Pods at a CNI bridge: each other's, the host's and the outside's view.</summary>
public sealed class PodNetworkTests(PodHost host) : PodTest(host)
{
    [Fact]
    [Trait("peers", "no")]
    public async Task Pods_reach_each_other_and_the_host_reaches_them()
    {
        await using var one = await Pod.RunAsync(
            Host, c => c.PortMappings.Add(new PortMapping { ContainerPort = 7080, HostPort = 18080 }));
        await using var two = await Pod.RunAsync(Host);
        var server = await one.StartAsync(
            one.NewContainer(
                "sh", "-c",
                "echo page > /var/index.html; head -c 5000000 /dev/urandom > /var/big; httpd -f -p 7080 -h /var"));
        var client = await two.StartAsync(two.NewContainer());
        var (first, second) = ((await one.StatusAsync()).Network, (await two.StatusAsync()).Network);

        // Addresses, routes and the gateway as the CNI plugins gave them to the pod.
        (await two.ShellAsync(client, "ip -o addr show dev eth0")).Should().Contain($"{second.Ip}/24")
            .And.Contain($"{second.AdditionalIps[0].Ip}/64");
        (await two.ShellAsync(client, "ip route; ip -6 route")).Should().Contain(
            $"default via {PodHost.HostAddress} dev eth0").And.Contain("default via fd00:88:71::1 dev eth0");
        (await two.ShellAsync(client, "cat /sys/class/net/eth0/mtu")).Should().Be("1500\n");

        (await two.ShellAsync(client, $"ping -c 2 -W 5 {first.Ip}")).Should().Contain("0% packet loss");
        (await two.ShellAsync(client, $"ping -c 2 -W 5 {first.AdditionalIps[0].Ip}"))
            .Should().Contain("0% packet loss");
        (await two.ShellAsync(client, $"ping -c 2 -W 5 {PodHost.HostAddress}")).Should().Contain("0% packet loss");
        (await one.ShellAsync(server, $"ping -c 2 -W 5 {second.Ip}")).Should().Contain("0% packet loss");
        await TakesAsync(two, client, $"http://{first.Ip}:7080/");
        await TakesAsync(two, client, $"http://[{first.AdditionalIps[0].Ip}]:7080/");

        (await Host.InsideAsync("busybox", "ping", "-c", "2", "-W", "5", first.Ip)).Exited(0);
        (await Host.InsideAsync("busybox", "wget", "-qO-", $"http://{first.Ip}:7080/")).Exited(0)
            .Stdout.Should().Be("page\n");
        // The mapped port, from the host and from another pod by the host's address.
        (await Host.InsideAsync("busybox", "wget", "-qO-", $"http://{PodHost.HostAddress}:18080/")).Exited(0)
            .Stdout.Should().Be("page\n");
        await TakesAsync(two, client, $"http://{PodHost.HostAddress}:18080/");

        // Much of it arrives whole.
        var sum = await one.ShellAsync(server, "md5sum < /var/big");
        (await two.ShellAsync(client, $"wget -qO- http://{first.Ip}:7080/big | md5sum")).Should().Be(sum);
    }

    [Fact]
    public async Task Pod_that_is_stopped_has_given_its_network_back()
    {
        await using var pod = await Pod.RunAsync(Host);
        var ip = (await pod.StatusAsync()).Network.Ip;
        (await Host.InsideAsync("busybox", "ping", "-c", "1", "-W", "5", ip)).Exited(0);

        await pod.StopAsync();

        (await pod.StatusAsync()).Network.Ip.Should().BeEmpty();
        (await Host.InsideAsync("ls", "/run/netns")).Stdout.Should().BeEmpty();
        (await Host.InsideAsync("busybox", "ping", "-c", "1", "-W", "1", ip)).ExitCode.Should().NotBe(0);
    }

    [MachineFact]
    [Trait("peers", "no")]
    public async Task Link_that_comes_while_the_pod_runs_reaches_the_guest_and_leaves_it_again()
    {
        await using var pod = await Pod.RunAsync(Host);
        var container = await pod.StartAsync(pod.NewContainer());
        var name = (await Host.InsideAsync("ls", "/run/netns")).Exited(0).Stdout.Trim();

        (await Host.InsideAsync("sh", "-c",
            $"""
            set -e
            ip link add late0 type veth peer name eth7 netns {name}
            ip addr add 10.99.7.1/24 dev late0
            ip link set late0 up
            ip -n {name} addr add 10.99.7.2/24 dev eth7
            ip -n {name} link set eth7 up
            ip -n {name} route add 10.99.8.0/24 via 10.99.7.1
            """)).Exited(0);
        await Until.TrueAsync(
            async () => (await pod.ExecAsync(container, ["ping", "-c", "1", "-W", "2", "10.99.7.1"])).ExitCode == 0,
            TimeSpan.FromSeconds(20), () => $"the new link does not work: {Host.Log()[^4000..]}");
        await Until.TrueAsync(
            async () => (await pod.ShellAsync(container, "ip route")).Contains("10.99.8.0/24 via 10.99.7.1 dev eth7"),
            TimeSpan.FromSeconds(10), () => "the new link's route does not reach the guest");
        (await Host.InsideAsync("busybox", "ping", "-c", "1", "-W", "5", "10.99.7.2")).Exited(0);

        (await Host.InsideAsync("ip", "link", "delete", "late0")).Exited(0);
        await Until.TrueAsync(async () => !(await pod.ShellAsync(container, "ls /sys/class/net")).Contains("eth7"),
            TimeSpan.FromSeconds(20), () => $"the link's NIC stays in the guest: {Host.Log()[^4000..]}");
        (await pod.ShellAsync(container, $"ping -c 1 -W 5 {PodHost.HostAddress}")).Should().Contain("0% packet loss");
    }

    // The pod's server may still be starting.
    private static Task TakesAsync(Pod pod, string container, string url) =>
        TakesAsync(async () =>
        {
            var done = await pod.ExecAsync(container, ["wget", "-qO-", url]);
            return (done.Stdout, done.Stderr);
        }, url);

    private static async Task TakesAsync(Func<Task<(string Stdout, string Stderr)>> take, string url)
    {
        var last = ("", "");
        await Until.TrueAsync(
            async () => (last = await take()).Item1 == "page\n", TimeSpan.FromSeconds(20),
            () => $"{url} does not answer: {last}");
    }
}
