using System.Net;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Networks of pods on the whole core.</summary>
public sealed class NetworkTests
{
    private static readonly GuestInterface Eth0 = Link("eth0", 1, "10.0.0.2");
    private static readonly GuestInterface Eth1 = Link("eth1", 2, "10.1.0.2");

    [Fact]
    public void Create_of_a_pod_brings_its_links_into_the_machine_and_the_guest() => HarnessShim.Run(async shim =>
    {
        shim.Network.Links.Add(Eth0);
        shim.Network.Routes.Add(new GuestRoute { Device = "eth0", Gateway = IPAddress.Parse("10.0.0.1") });

        await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: In("/run/netns/pod"));

        shim.Hypervisor.Launched.Single().Devices.OfType<NetworkDevice>().Should().ContainSingle()
            .Which.Mac.Should().Be(Eth0.Mac);
        shim.Guest.Network.Interfaces.Should().Equal(Eth0);
        shim.Guest.Network.Routes.Should().ContainSingle();
        shim.Network.Opened!.Path.Value.Should().Be("/run/netns/pod");
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Create_without_a_path_makes_a_namespace_and_gives_it_back() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");

        shim.Host.Held.Should().Contain(held => held.Kind == ResourceKind.NetworkNamespace);
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Start_when_resolv_conf_names_dockers_server_has_names_answered() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", change: ResolvConf("/docker/resolv.conf"));
        // Docker writes it between Create and Start.
        shim.Names.NamedBy.Add("/docker/resolv.conf");
        await shim.StartAsync("pod");

        shim.Host.Calls.Should().ContainInOrder("agent.serve-names", "agent.start");
        var answer = await shim.Guest.Names!(new NameQuestion("who?"u8.ToArray(), ByTcp: false), default);
        answer!.Value.ToArray().Should().Equal("who?"u8.ToArray());
        shim.Names.Asked!.Path.Value.Should().StartWith("/run/netns/");
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Start_when_resolv_conf_names_another_server_asks_nothing() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", change: ResolvConf("/docker/resolv.conf"));
        await shim.StartAsync("pod");

        shim.Host.Calls.Should().NotContain("agent.serve-names");
        await shim.StopAsync();
    });

    [Fact]
    public void Network_that_is_connected_later_has_its_names_answered_then() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", change: ResolvConf("/docker/resolv.conf"));
        await shim.StartAsync("pod");
        shim.Names.NamedBy.Add("/docker/resolv.conf");

        shim.Network.Links.Add(Eth0);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(5));

        shim.Guest.Names.Should().NotBeNull();
        await shim.StopAsync();
    });

    [Fact]
    public void Start_when_the_guest_knows_no_relay_of_names_goes_on_and_says_so_once() => HarnessShim.Run(
        async shim =>
        {
            await StartNamedThenConnectAsync(shim);

            shim.Log.Lines.Select(line => line.Text).Should().ContainSingle(text => text.Contains("127.0.0.11"));
            shim.Guest.Names.Should().BeNull("it is not asked again");
            await shim.StopAsync();
        },
        new FaultSchedule(new Fault("agent.serve-names", 1, FaultKind.Fail) { Error = ErrorKind.Unimplemented }));

    [Fact]
    public void Names_that_failed_once_are_answered_when_there_is_cause_to_ask_anew() => HarnessShim.Run(
        async shim =>
        {
            await StartNamedThenConnectAsync(shim);

            shim.Guest.Names.Should().NotBeNull();
            await shim.StopAsync();
        },
        new FaultSchedule(new Fault("agent.serve-names", 1, FaultKind.Fail) { Error = ErrorKind.DeadlineExceeded }));

    // A cause to ask for names when it starts, and another later.
    private static async Task StartNamedThenConnectAsync(HarnessShim shim)
    {
        shim.Names.NamedBy.Add("/docker/resolv.conf");
        await shim.CreateAsync("pod", change: ResolvConf("/docker/resolv.conf"));
        await shim.StartAsync("pod");
        shim.Network.Links.Add(Eth0);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Create_on_the_hosts_network_is_refused_before_anything_is_touched() => HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(
            () => shim.CreateAsync("pod", change: spec => spec with { Linux = spec.Linux! with { Namespaces = [] } }));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("hostNetwork");
        shim.Host.Calls.Should().NotContain("network.open").And.NotContain("hypervisor.launch")
            .And.NotContain("share.start");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Theory]
    [InlineData("/proc/4711/ns/net")]
    [InlineData("/proc/4711/task/4712/ns/net")]
    [InlineData("/proc/self/ns/net")]
    public void Create_on_the_network_of_a_process_is_refused_before_anything_is_touched(string path) =>
        HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod", change: In(path)));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain(path).And.Contain("container:").And.Contain("of its own");
        shim.Host.Calls.Should().NotContain("network.open").And.NotContain("hypervisor.launch")
            .And.NotContain("share.start");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Create_of_a_pods_container_may_name_the_network_of_the_machine_it_is_in() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: In("/run/netns/pod"));
        await shim.StartAsync("pod");

        await shim.CreateAsync("one", ContainerKind.PodContainer, change: In("/proc/4711/ns/net"));

        shim.Hypervisor.Launched.Should().ContainSingle();
    });

    [Fact]
    public void Start_finds_links_that_came_after_create_and_plugs_them_in() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        shim.Network.Links.Add(Eth0);

        await shim.StartAsync("pod");

        shim.Guest.Network.Interfaces.Should().ContainSingle()
            .Which.Should().BeEquivalentTo(Eth0 with { PciPath = "02/01" });
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Link_that_comes_after_create_is_left_alone_until_start() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        shim.Network.Links.Add(Eth0);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(10));

        shim.Host.Held.Should().NotContain(
            held => held.Kind == ResourceKind.Tap, "whoever makes the link is still at it");
        await shim.StartAsync("pod");
        shim.Guest.Network.Interfaces.Select(i => i.Name).Should().Equal("eth0");
    });

    [Fact]
    public void Link_that_a_hook_makes_is_left_alone_until_start() => HarnessShim.Run(async shim =>
    {
        shim.Hooks.Do = _ => shim.Network.Links.Add(Eth0);
        await shim.CreateAsync(
            "pod", change: spec =>
                spec with { Hooks = new OciHooks { CreateRuntime = [new OciHook { Path = "/hook" }] } });

        shim.Host.Held.Should().NotContain(held => held.Kind == ResourceKind.Tap);
        await shim.StartAsync("pod");
        shim.Guest.Network.Interfaces.Select(i => i.Name).Should().Equal("eth0");
    });

    [Fact]
    public void Address_that_changes_between_create_and_start_reaches_the_guest() => HarnessShim.Run(async shim =>
    {
        shim.Network.Links.Add(Eth0);
        await shim.CreateAsync("pod");
        var renewed = Eth0 with { Mtu = 1400 };
        shim.Network.Links[0] = renewed;
        shim.Network.Changed();

        await shim.StartAsync("pod");
        await shim.Time.Delay(TimeSpan.FromSeconds(1));

        shim.Guest.Network.Interfaces.Should().Equal(renewed);
    });

    [Fact]
    public void Link_that_comes_while_the_pod_runs_is_plugged_in_and_taken_out_again_when_it_goes() =>
        HarnessShim.Run(async shim =>
    {
        shim.Network.Links.Add(Eth0);
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        shim.Network.Links.Add(Eth1);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);
        shim.Guest.Network.Interfaces.Select(i => i.Name).Should().Equal("eth0", "eth1");
        shim.Host.Machine!.Devices.Attached.Should().ContainSingle();

        shim.Network.Links.Remove(Eth1);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);
        shim.Host.Machine!.Devices.Attached.Should().BeEmpty();
        shim.Host.Held.Count(held => held.Kind == ResourceKind.Tap).Should().Be(1);
    });

    [Fact]
    public void Nic_that_the_guest_did_not_let_go_of_is_taken_out_with_the_next_change() =>
        HarnessShim.Run(async shim =>
    {
        shim.Network.Links.Add(Eth0);
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Network.Links.Add(Eth1);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);

        shim.Network.Links.Remove(Eth1);
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);
        shim.Host.Machine!.Devices.Attached.Should().ContainSingle();
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);

        shim.Host.Machine!.Devices.Attached.Should().BeEmpty();
        shim.Host.Held.Count(held => held.Kind == ResourceKind.Tap).Should().Be(1);
    }, new FaultSchedule(new Fault("hotplug.detach", 1, FaultKind.Fail) { Error = ErrorKind.DeadlineExceeded }));

    [Fact]
    public void Address_that_changes_while_the_pod_runs_reaches_the_guest() => HarnessShim.Run(async shim =>
    {
        shim.Network.Links.Add(Eth0);
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        var renewed = Eth0 with { Mtu = 1400 };
        shim.Network.Links[0] = renewed;
        shim.Network.Changed();
        await shim.Time.Delay(TimeSpan.FromSeconds(1), default);

        shim.Guest.Network.Interfaces.Should().Equal(renewed);
    });

    [Fact]
    public void Start_when_a_link_cannot_be_plugged_in_fails_with_the_reason_and_keeps_no_tap() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod");
            shim.Network.Links.Add(Eth0);

            (await Refusal.OfAsync(() => shim.StartAsync("pod"))).Message.Should().Contain("hotplug.attach");

            shim.Host.Held.Should().NotContain(held => held.Kind == ResourceKind.Tap);
        },
        new FaultSchedule(new Fault("hotplug.attach", 1, FaultKind.Fail)));

    [Fact]
    public void Start_after_one_of_two_links_could_not_be_plugged_in_finds_both_again() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod");
            shim.Network.Links.AddRange([Eth0, Eth1]);
            await Refusal.OfAsync(() => shim.StartAsync("pod"));
            shim.Host.Held.Should().NotContain(held => held.Kind == ResourceKind.Tap);

            await shim.StartAsync("pod");

            shim.Guest.Network.Interfaces.Select(i => i.Name).Should().Equal("eth0", "eth1");
        },
        new FaultSchedule(new Fault("hotplug.attach", 1, FaultKind.Fail)));

    [Fact]
    public void Connection_to_the_pods_localhost_reaches_the_guests() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: In("/run/netns/pod"));
        shim.Guest.EchoPorts.Add(80);

        var served = shim.Ports.Dial(80, "hello"u8.ToArray());
        var refused = shim.Ports.Dial(81, []);

        (await served.Ended).Should().BeTrue();
        served.Output.Should().Equal("hello"u8.ToArray());
        (await refused.Ended).Should().BeFalse();
        await shim.StopAsync();
    });

    [Fact]
    public void Connection_that_cannot_be_taken_at_once_is_taken_later() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: In("/run/netns/pod"));
            shim.Guest.EchoPorts.Add(80);

            var served = shim.Ports.Dial(80, "hello"u8.ToArray());

            (await served.Ended).Should().BeTrue();
            shim.Host.Calls.Count(call => call == "ports.accept").Should().Be(3);
            await shim.StopAsync();
        },
        new FaultSchedule(
            new Fault("ports.accept", 1, FaultKind.Fail) { Error = ErrorKind.Unavailable },
            new Fault("ports.accept", 2, FaultKind.Fail) { Error = ErrorKind.Unavailable }));

    [Fact]
    public void Link_that_comes_after_the_kernel_once_did_not_tell_is_plugged_in() => HarnessShim.Run(
        async shim =>
        {
            await shim.CreateAsync("pod");
            await shim.StartAsync("pod");

            shim.Network.Links.Add(Eth0);
            shim.Network.Changed();
            await shim.Time.Delay(TimeSpan.FromSeconds(5));

            shim.Guest.Network.Interfaces.Select(i => i.Name).Should().Equal("eth0");
            await shim.StopAsync();
        },
        new FaultSchedule(
            new Fault("network.look", 2, FaultKind.Fail) { Error = ErrorKind.Unavailable },
            new Fault("network.look", 3, FaultKind.Fail) { Error = ErrorKind.Unavailable }));

    private static Func<OciSpec, OciSpec> ResolvConf(string source) => spec => spec with
    {
        Mounts = [.. spec.Mounts, new OciMount { Destination = "/etc/resolv.conf", Type = "bind", Source = source }],
    };

    private static Func<OciSpec, OciSpec> In(string path) =>
        spec => spec with
        {
            Linux = spec.Linux! with { Namespaces = [new OciNamespace { Type = "network", Path = path }] }
        };

    private static GuestInterface Link(string name, ulong mac, string address) => new()
    {
        Name = name,
        Mac = new MacAddress(mac),
        Mtu = 1500,
        Addresses = [new IpPrefix(IPAddress.Parse(address), 24)],
    };
}
