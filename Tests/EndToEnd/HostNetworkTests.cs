using System.Globalization;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// Kinds of links and rules that only a host with every kernel module has, and the kernel's own network backend.
/// </summary>
[Trait("category", "matrix")]
[Collection(HostTests.Name)]
public sealed class HostNetworkTests(HostLife life)
{
    // One namespace with a veth behind a bridge, a macvlan and an ipvlan; the veth has filters of somebody else's.
    private const string Links =
        """
        set -e
        # Two tries: a module is read over a slow root that now and then gives up.
        for module in bridge veth macvlan ipvlan cls_flower cls_matchall act_gact sch_ingress cls_u32 act_mirred; do modprobe $module || modprobe $module; done
        ip netns add pod
        ip -n pod link set lo up
        ip link add br9 type bridge
        ip link set br9 up
        ip addr add 10.9.0.1/24 dev br9
        ip link add v9 type veth peer name eth0 netns pod
        ip link set v9 master br9 up
        ip -n pod addr add 10.9.0.2/24 dev eth0
        ip -n pod link set eth0 up
        ip -n pod route add default via 10.9.0.1 mtu 1400
        tc -n pod qdisc add dev eth0 clsact
        tc -n pod filter add dev eth0 ingress prio 7 protocol ip flower ip_proto udp dst_port 9 action drop
        tc -n pod filter add dev eth0 egress prio 8 matchall action pass
        for kind in macvlan ipvlan; do
            [ $kind = macvlan ] && { n=1; mode=bridge; } || { n=2; mode=l2; }
            ip link add up$n type veth peer name down$n
            ip link set up$n up
            ip link set down$n up
            ip addr add 10.9.$n.1/24 dev down$n
            ip link add link up$n name x$n type $kind mode $mode
            ip link set x$n netns pod name eth$n
            ip -n pod addr add 10.9.$n.2/24 dev eth$n
            ip -n pod link set eth$n up
        done
        """;

    private const string Away = "ip netns delete pod; umount /run/netns; rmdir /run/netns; for link in br9 v9 up1 up2; do ip link delete $link 2> /dev/null; done; :";

    [MachineFact]
    public Task Pod_reaches_what_is_behind_veth_macvlan_and_ipvlan_and_leaves_the_links_as_they_were() =>
        life.RunAsync(async host =>
    {
        var id = host.NewId("links");
        try
        {
            (await host.RunAsync(Links)).Exited(0);
            var before = (await host.RunAsync(Look)).Exited(0).Stdout;
            (await host.RunAsync(HostContainerd.Run(id, "sleep 1000",
                "--detach --null-io --with-ns network:/run/netns/pod"))).Exited(0);
            var reached = await host.RunAsync($"ctr task exec --exec-id x {id} sh -c '{Ping("ping", to: 1)} ip route'");
            var toGuest = await host.RunAsync(Ping("busybox ping", to: 2));
            var traces = reached.ExitCode + toGuest.ExitCode == 0 ? "" : (await host.RunAsync(Traces)).Stdout;
            var backend = await host.RunAsync("ls -l /proc/$(pgrep -o qemu-system)/fd");
            await HostMatrixTests.RemoveAsync(host, id);
            var after = (await host.RunAsync(Look)).Exited(0).Stdout;

            reached.ExitCode.Should().Be(0, "{0}{1}", reached.Stdout, traces);
            reached.Stdout.Should().Contain("default via 10.9.0.1");
            toGuest.ExitCode.Should().Be(0, "{0}{1}", toGuest.Stdout, traces);
            backend.Stdout.Should().Contain("/dev/vhost-net");
            after.Should().Be(before);
        }
        finally
        {
            await host.RunAsync(Away);
        }
    });

    // Several tries: a packet that the emulation of nested machines loses says nothing of the links.
    private static string Ping(string ping, int to) =>
        $"for n in 0 1 2; do for i in 1 2 3; do {ping} -q -c 2 -W 10 10.9.$n.{to.ToString(CultureInfo.InvariantCulture)} && continue 2; done; exit 1; done;";

    // How far packets came, for a failure's message.
    private const string Traces =
        """
        ip neigh
        ip -s link
        ip -n pod -s link
        for n in 0 1 2; do tc -n pod -s filter show dev eth$n ingress; done
        for tap in $(ip -n pod -o link | grep -o 'tap[^:]*'); do tc -n pod -s filter show dev $tap ingress; done
        tail -40 /run/containerd.log
        """;

    // A link of the pod's by macvtap, and a client that knows the host's address alone: rules of nftables lead it to
    // the pod.
    private const string Rules =
        """
        set -e
        for module in veth macvtap nf_tables nft_chain_nat nft_nat nft_masq vhost_net; do modprobe $module || modprobe $module; done
        ip netns add pod
        ip netns add client
        ip link add v9 type veth peer name eth0 netns pod
        ip addr add 10.9.0.1/24 dev v9
        ip link set v9 up
        ip -n pod addr add 10.9.0.2/24 dev eth0
        ip -n pod link set eth0 up
        ip -n pod route add default via 10.9.0.1
        ip link add up1 type veth peer name eth0 netns client
        ip addr add 10.9.1.1/24 dev up1
        ip link set up1 up
        ip -n client addr add 10.9.1.2/24 dev eth0
        ip -n client link set eth0 up
        echo 1 > /proc/sys/net/ipv4/ip_forward
        nft -f - <<'NFT'
        table ip pods {
            chain in { type nat hook prerouting priority dstnat; tcp dport 8080 counter dnat to 10.9.0.2:80; }
            chain out { type nat hook postrouting priority srcnat; ip daddr 10.9.0.2 counter masquerade; }
        }
        NFT
        """;

    private const string NoRules = "nft delete table ip pods; ip netns delete client;";

    [MachineFact]
    public Task Pod_behind_a_macvtap_is_reached_through_rules_of_nftables_and_its_link_is_given_back() =>
        life.RunAsync(async host =>
    {
        var id = host.NewId("rules");
        try
        {
            (await host.RunAsync(Rules)).Exited(0);
            var before = (await host.RunAsync(Look)).Exited(0).Stdout;
            (await host.RunAsync("sed 's/^\\[runtime\\]/&\\ninternetworking_model = \"macvtap\"/' $KATA_CONF_FILE > /run/macvtap.toml")).Exited(0);
            (await host.RunAsync(HostContainerd.Run(id, "httpd -f -p 80 -h /bin",
                "--detach --null-io --with-ns network:/run/netns/pod --runtime-config-path /run/macvtap.toml"))).Exited(0);
            var links = (await host.RunAsync("ip -n pod -o -d link")).Exited(0).Stdout;
            var fetched = await host.RunAsync(
                "for i in $(seq 50); do ip netns exec client busybox wget -q -O - http://10.9.1.1:8080/busybox | cmp - $(command -v busybox) && exit 0; sleep 0.2; done; exit 1");
            var counted = (await host.RunAsync("nft list table ip pods")).Exited(0).Stdout;
            await HostMatrixTests.RemoveAsync(host, id);
            var after = (await host.RunAsync(Look)).Exited(0).Stdout;

            links.Should().Contain("macvtap");
            fetched.ExitCode.Should().Be(0, fetched.Stdout);
            counted.Should().NotContain("packets 0");
            after.Should().Be(before);
        }
        finally
        {
            await host.RunAsync(NoRules + Away);
        }
    });

    // Counters and times are others afterwards; links, addresses, qdiscs and filters are not. The kernel says of a link
    // that it runs only some time after it does.
    private const string Look =
        """
        for i in $(seq 100); do ip -n pod -o link | grep -q NO-CARRIER || break; sleep 0.1; done
        ip -n pod -o link | sed 's/qdisc.*//'
        ip -n pod -o addr | awk '{print $2, $4}'
        tc -n pod qdisc
        tc -n pod filter show dev eth0 ingress | grep -v -e pref.*chain.*handle.*$ | head -1
        ls /dev | grep -e ^tap || :
        """;
}
