using System.Buffers.Binary;
using System.Net;
using FluentAssertions;
using Kata.Adapters.Guest.Cleanup;
using Kata.Adapters.Guest.Network;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>Network namespaces of the kernel, with links that <c>ip</c> has made. Needs root.</summary>
[Trait("category", "real")]
public sealed class SandboxNetworkRealTests : SandboxNetworkContract
{
    private const int VirtioHeader = 10;
    private readonly NetworkNamespaces _spaces = new();

    protected override ISandboxNetwork Network { get; } = new NetnsNetwork(TimeProvider.System);

    protected override IResourceReleaser Releaser { get; } = new ResourceReleaser();

    protected override NetworkNamespacePath Pod => PathOf(_spaces.PodPath);

    [Theory]
    [InlineData("/proc/self/ns/net", ErrorKind.InvalidArgument, "*host's own*without hostNetwork*")]
    [InlineData("/proc/self/ns/uts", ErrorKind.InvalidArgument, "*is not a network namespace")]
    [InlineData("/dev/null", ErrorKind.InvalidArgument, "*is not a network namespace")]
    [InlineData("/etc/passwd", ErrorKind.InvalidArgument, "*is not a network namespace")]
    [InlineData("/run", ErrorKind.InvalidArgument, "*is not a network namespace")]
    [InlineData("/run/netns/contract-never", ErrorKind.NotFound, "*is gone*")]
    [InlineData("/proc/2147483647/ns/net", ErrorKind.NotFound, "*is gone*")]
    public async Task Open_when_the_path_cannot_be_a_pods_is_refused_and_nothing_is_touched(
        string path, ErrorKind kind, string sentence)
    {
        var act = () => OpenAsync(PathOf(path));

        (await act.Should().ThrowAsync<KataException>().WithMessage(sentence)).Which.Kind.Should().Be(kind);
        Ledger.History.Should().BeEmpty();
    }

    [Fact]
    public async Task Attach_when_only_links_without_address_are_there_is_no_network()
    {
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link add idle type veth peer name idle-peer");
        var links = await OpenAsync();

        (await links.AttachAsync(Ct)).Should().BeEquivalentTo(NetworkPlan.Empty);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Frames_pass_between_the_tap_and_the_other_end_of_the_link(int queues)
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        NetworkNamespaces.Ip($"-n {_spaces.Around} address add 192.0.2.1/24 dev p-eth0");
        var links = await OpenAsync(queues: queues);
        var plan = await links.AttachAsync(Ct);
        var tap = Namespaces.RunInNetworkNamespace(_spaces.PodPath, () => TunTap.OpenTap(plan.Devices[0].Tap, queues));
        try
        {
            // Whoever looks for the pod asks for its address; the guest that we play hears it and answers.
            var asking = Task.Run(
                () => NetworkNamespaces.Ip($"netns exec {_spaces.Around} bash -c \"echo > /dev/udp/192.0.2.7/9\""));
            var question = await ReadAsync(
                tap, frame =>
                    EtherType(frame) == 0x0806 && frame.AsSpan(20..22).SequenceEqual(new byte[] { 0, 1 })
                        && frame.AsSpan(38..42).SequenceEqual(Ip("192.0.2.7")));
            await asking;
            await DescriptorIo.WriteAsync(tap[0], ArpAnswer(question), Ct);
            var packet = await ReadAsync(
                tap, frame => EtherType(frame) == 0x0800 && frame.AsSpan(30..34).SequenceEqual(Ip("192.0.2.7")));

            packet[0..6]
                .Should().Equal(Convert.FromHexString(Mac0.ToString().Replace(":", "", StringComparison.Ordinal)));
            NetworkNamespaces.Ip($"-n {_spaces.Around} neigh show 192.0.2.7").Should().Contain(Mac0.ToString());
            NetworkNamespaces.Ip($"-n {_spaces.Pod} neigh show 192.0.2.1")
                .Should().BeEmpty("the host's own stack hears nothing");
        }
        finally
        {
            foreach (var handle in tap)
                handle.Dispose();
        }
        await ReleaseAllAsync();
        Tap(plan).Should().BeFalse();
        Qdiscs("eth0").Should().NotContain("ingress");
    }

    [Fact]
    public async Task Attach_when_the_link_has_clsact_uses_it_and_leaves_it()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc add dev eth0 clsact");
        NetworkNamespaces.Run(
            "tc", $"-n {_spaces.Pod} filter add dev eth0 ingress prio 7 protocol ip u32 match u32 0 0 classid 1:1");
        var links = await OpenAsync();

        await links.AttachAsync(Ct);
        var connected = Filters();
        await links.DetachAsync(Mac0, Ct);

        connected.Should().Contain("mirred").And.Contain("pref 7");
        Filters().Should().NotContain("mirred").And.Contain("pref 7");
        Qdiscs("eth0").Should().Contain("clsact");

        string Filters() => NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} filter show dev eth0 ingress");
    }

    [Fact]
    public async Task Attach_when_the_link_has_an_ingress_discipline_uses_it_and_leaves_it()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc add dev eth0 ingress");
        var links = await OpenAsync();

        var plan = await links.AttachAsync(Ct);
        await ReleaseAllAsync();

        plan.Devices.Should().ContainSingle();
        Qdiscs("eth0").Should().Contain("ingress");
        Tap(plan).Should().BeFalse();
    }

    [Fact]
    public async Task Guest_gets_routes_whole_and_in_an_order_that_works()
    {
        AddLink(Link("eth0", Mac0, 1450, "10.7.0.2/32", "2001:db8::7/64"));
        foreach (var route in new[]
        {
            "10.96.0.0/12 via 169.254.1.1 dev eth0 onlink metric 5 mtu 1300",
            "169.254.1.1 dev eth0 scope link",
            "default via 169.254.1.1 dev eth0 src 10.7.0.2",
            "default via 2001:db8::1 dev eth0 metric 77",
        })
        {
            NetworkNamespaces.Ip($"-n {_spaces.Pod} route add {route}");
        }
        NetworkNamespaces.Ip($"-n {_spaces.Pod} neigh add 169.254.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} neigh add 10.7.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud reachable");
        var links = await OpenAsync();

        var guest = (await links.AttachAsync(Ct)).Guest;

        var gateway = IPAddress.Parse("169.254.1.1");
        guest.Routes.Should().BeEquivalentTo(
            [
                new GuestRoute { Destination = new IpPrefix(gateway, 32), Device = "eth0", Scope = 253 },
                new GuestRoute
                {
                    Destination = Prefix("10.96.0.0/12"),
                    Gateway = gateway,
                    Device = "eth0",
                    Metric = 5,
                    Mtu = 1300,
                    Flags = 4
                },
                new GuestRoute { Gateway = gateway, Device = "eth0", Source = IPAddress.Parse("10.7.0.2") },
                new GuestRoute { Gateway = IPAddress.Parse("2001:db8::1"), Device = "eth0", IsV6 = true, Metric = 77 },
            ],
            options => options.WithStrictOrdering().ComparingByValue<IPAddress>().ComparingByValue<IpPrefix>());
        guest.Neighbours.Should().ContainSingle()
            .Which.Should().Be(new GuestNeighbour(gateway, "eth0", new MacAddress(0x020000000001), 0x80, 0));
        await ReleaseAllAsync();
    }

    [Theory]
    [InlineData("192.0.2.7/24", "02:00:00:00:00:11", "*eth0 and eth1 have the same address 192.0.2.7*")]
    [InlineData("10.0.0.1/24", "02:00:00:00:00:10",
        "*eth0 and eth1 have the same link-layer address 02:00:00:00:00:10*")]
    public async Task Attach_when_links_contradict_each_other_is_refused_and_leaves_nothing(
        string address, string mac, string sentence)
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        _spaces.AddVeth("eth1", mac, 1500, address);

        await RefusedAsync(sentence);
    }

    [Fact]
    public async Task Attach_when_the_default_route_leads_nowhere_is_refused_and_leaves_nothing()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link add bare type veth peer name bare-peer");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set bare addrgenmode none");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set bare up");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} route add default dev bare");

        await RefusedAsync("*default route leads over link bare, which has no address*");
    }

    [Fact]
    public async Task Attach_when_a_link_carries_no_frames_is_refused_and_leaves_nothing()
    {
        NetworkNamespaces.Ip($"-n {_spaces.Pod} tuntap add l3 mode tun");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add 192.0.2.8/24 dev l3");

        await RefusedAsync("*link l3 carries no Ethernet frames*");
    }

    [Fact]
    public async Task Attach_when_the_ledger_is_full_leaves_nothing()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        Ledger.IsFull = true;

        await links.Invoking(l => l.AttachAsync(Ct)).Should().ThrowAsync<KataException>();

        NothingIsLeft();
    }

    [Fact]
    public async Task Attach_when_the_second_link_fails_takes_the_first_back()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));
        var links = await OpenAsync();
        TakeByAnother("eth1");

        (await links.Invoking(l => l.AttachAsync(Ct)).Should().ThrowAsync<KataException>().WithMessage("*eth1 is connected*another machine*"))
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);

        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Should().NotContain("tap0_kata");
        Qdiscs("eth0").Should().NotContain("ingress");
        Ledger.Read().IsEmpty.Should().BeTrue();
    }

    [Fact]
    public async Task Attach_when_a_dead_shim_left_its_tap_takes_its_place()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        await (await OpenAsync()).AttachAsync(Ct);

        var plan = await (await OpenAsync()).AttachAsync(Ct);

        plan.Devices.Should().ContainSingle();
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} filter show dev eth0 ingress").Split("mirred")
            .Should().HaveCount(2);
        await ReleaseAllAsync();
        NothingIsLeft();
    }

    [Fact]
    public async Task Attach_when_closed_is_refused_and_detach_leaves_it_to_the_ledger()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        await links.DisposeAsync();
        await links.DisposeAsync();

        (await links.Invoking(l => l.AttachAsync(Ct)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Aborted);
        await links.DetachAsync(Mac0, Ct);

        Ledger.Read().IsEmpty.Should().BeFalse();
        await ReleaseAllAsync();
        NothingIsLeft();
    }

    [Fact]
    public async Task Release_when_namespace_or_link_are_gone_is_success()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        RemoveLink("eth1");
        await Releaser.ReleaseAsync(Ledger.Read().Held.Last(held => held.Kind == ResourceKind.Qdisc), Ct);
        await links.DisposeAsync();

        NetworkNamespaces.Ip($"netns del {_spaces.Pod}");

        await ReleaseAllAsync();
    }

    [Fact]
    public async Task Release_when_the_path_leads_to_another_namespace_now_touches_nothing_there()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        await links.DisposeAsync();
        NetworkNamespaces.Ip($"netns del {_spaces.Pod}");
        NetworkNamespaces.Ip($"netns add {_spaces.Pod}");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} tuntap add tap0_kata mode tap");

        await ReleaseAllAsync();

        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Should().Contain("tap0_kata");
    }

    [Fact]
    public async Task Macvtap_takes_over_the_links_address_and_gives_it_back()
    {
        AddLink(Link("eth0", Mac0, 1450, "192.0.2.7/24", "2001:db8::7/64"));
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address replace fe80::ff:fe00:10/64 dev eth0 nodad");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} route add default via 192.0.2.1");
        NetworkNamespaces.Ip($"-n {_spaces.Around} address add 192.0.2.1/24 dev p-eth0");
        var links = await OpenAsync(InterworkingModel.MacVtap);
        var plan = await links.AttachAsync(Ct);

        var nic = plan.Devices.Should().ContainSingle().Subject;
        var device = nic.CharacterDevice!.Value;
        nic.Mac.Should().Be(Mac0);
        plan.Guest.Interfaces[0].Addresses.Should().Equal(Prefix("192.0.2.7/24"), Prefix("2001:db8::7/64"));
        plan.Guest.Routes.Should().ContainSingle();
        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br address show eth0").Should().NotContain("192.0.2.7")
            .And.NotContain("2001:db8");
        (await links.AttachAsync(Ct)).Devices.Should().BeEmpty();
        using (var tap = DescriptorIo.Open(device, OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK))
        {
            var asking = Task.Run(
                () => NetworkNamespaces.Ip($"netns exec {_spaces.Around} bash -c \"echo > /dev/udp/192.0.2.7/9\""));
            await ReadAsync(
                [tap], frame => EtherType(frame) == 0x0806 && frame.AsSpan(38..42).SequenceEqual(Ip("192.0.2.7")));
            await asking;
        }

        await ReleaseAllAsync();

        File.Exists(device).Should().BeFalse();
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address show eth0").Should().Contain("192.0.2.7/24")
            .And.Contain("2001:db8::7/64").And.Contain("fe80::ff:fe00:10/64").And.Contain(Mac0.ToString());
    }

    [Fact]
    public async Task Attach_when_the_kernel_gave_a_link_below_a_macvtap_an_address_connects_the_next_link()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync(InterworkingModel.MacVtap);
        await links.AttachAsync(Ct);
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add fe80::8/64 dev eth0 nodad");
        AddLink(Link("eth1", Mac1, 1500, "10.1.0.2/16"));

        (await links.AttachAsync(Ct)).Devices.Should().ContainSingle().Which.Mac.Should().Be(Mac1);
    }

    [Fact]
    public async Task Links_of_other_kinds_are_connected_too()
    {
        NetworkNamespaces.Ip($"-n {_spaces.Around} link add base type veth peer name base-peer");
        NetworkNamespaces.Ip($"-n {_spaces.Around} link set base up");
        NetworkNamespaces.Ip($"-n {_spaces.Around} link add link base name mv type macvlan mode bridge");
        NetworkNamespaces.Ip($"-n {_spaces.Around} link set mv netns {_spaces.Pod}");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} tuntap add foreign mode tap");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add 192.0.2.7/24 dev mv");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add 10.1.0.7/24 dev foreign");
        var links = await OpenAsync(InterworkingModel.MacVtap);

        var plan = await links.AttachAsync(Ct);

        plan.Devices.Select(nic => nic.Id).Should().Equal("foreign", "mv");
        plan.Devices.Should().OnlyContain(nic => nic.CharacterDevice == null);
        await ReleaseAllAsync();
        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Should().Contain("foreign").And.NotContain("_kata");
    }

    [Fact]
    public async Task Changes_when_addresses_and_routes_change_tell_what_the_guest_must_have()
    {
        AddLink(Link("eth0", Mac0, 1500, "192.0.2.7/24"));
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        var changes = links.ChangesAsync(Ct).GetAsyncEnumerator();

        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add 192.0.2.9/24 dev eth0");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} route add default via 192.0.2.1");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set eth0 mtu 1400");

        var change = await UntilAsync(changes, c => c.Guest.Interfaces[0].Mtu == 1400 && c.Guest.Routes.Count > 0);
        change.Guest.Interfaces[0].Addresses.Should().Equal(Prefix("192.0.2.7/24"), Prefix("192.0.2.9/24"));
        change.Gone.Should().BeEmpty();
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link show tap0_kata").Should().Contain("mtu 1400");
        await ReleaseAllAsync();
    }

    public static TheoryData<InterworkingModel, bool, string[]> SlowMakers()
    {
        var cases = new TheoryData<InterworkingModel, bool, string[]>();
        foreach (var model in new[] { InterworkingModel.TcFilter, InterworkingModel.MacVtap })
        {
            foreach (var isV6 in new[] { false, true })
            {
                var address = isV6 ? "address add 2001:db8::2/64 dev eth0 nodad" : "address add 10.77.0.2/24 dev eth0";
                cases.Add(model, isV6, [address, "link set eth0 up"]);
                cases.Add(model, isV6, ["link set eth0 up", address]);
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(SlowMakers))]
    public async Task Link_that_is_made_one_slow_command_at_a_time_is_not_disturbed_and_all_of_it_is_told(
        InterworkingModel model, bool isV6, string[] commands)
    {
        var gateway = isV6 ? "2001:db8::1" : "10.77.0.1";
        var address = isV6 ? "2001:db8::2/64" : "10.77.0.2/24";
        var links = await OpenAsync(model);
        (await links.AttachAsync(Ct)).Devices.Should().BeEmpty("the machine is launched before there is a link");
        var changes = links.ChangesAsync(Ct).GetAsyncEnumerator();
        NetworkDevice? nic = null;

        await MakeAsync($"link add eth0 address {Mac0} type veth peer name p-eth0 netns {_spaces.Around}", _ => true);
        NetworkNamespaces.Ip($"-n {_spaces.Around} link set p-eth0 up");
        await MakeAsync(commands[0], _ => true);
        await MakeAsync(commands[1], _ => nic is not null);
        await MakeAsync(
            $"route add default via {gateway} dev eth0", c =>
                c.Guest.Routes.Any(r => r.Gateway?.ToString() == gateway));
        await MakeAsync("link set eth0 mtu 1400", c => c.Guest.Interfaces[0].Mtu == 1400);
        var last = await MakeAsync(
            "address add 10.78.0.2/24 dev eth0", c => c.Guest.Interfaces[0].Addresses.Contains(Prefix("10.78.0.2/24")));

        nic!.Mac.Should().Be(Mac0);
        last.Guest.Interfaces.Should().ContainSingle().Which.Addresses.Should().Contain(Prefix(address));
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address show eth0").Should().Contain(address)
            .And.Contain(Mac0.ToString());
        await ReleaseAllAsync();
        NothingIsLeft();

        // The next command comes only when the watcher has nothing more to do about the last one.
        async Task<LinkChange> MakeAsync(string command, Func<LinkChange, bool> isTold)
        {
            NetworkNamespaces.Ip($"-n {_spaces.Pod} {command}");
            return await UntilAsync(changes, async change =>
            {
                if (change.HasNew)
                    nic = (await links.AttachAsync(Ct)).Devices.SingleOrDefault() ?? nic;
                return isTold(change);
            });
        }
    }

    [Fact]
    public async Task Link_that_comes_late_is_not_new_before_it_is_up()
    {
        var links = await OpenAsync();
        await links.AttachAsync(Ct);
        var changes = links.ChangesAsync(Ct).GetAsyncEnumerator();
        NetworkNamespaces.Ip(
            $"-n {_spaces.Pod} link add vethx address {Mac0} type veth peer name p-eth0 netns {_spaces.Around}");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} address add 10.77.0.2/24 dev vethx");
        await changes.MoveNextAsync();

        (await links.AttachAsync(Ct)).Devices.Should().BeEmpty("a link that is down may still get another name");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set vethx name eth0");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set eth0 up");
        await UntilAsync(changes, change => change.HasNew);
        (await links.AttachAsync(Ct)).Devices.Should().ContainSingle().Which.Id.Should().Be("eth0");

        await ReleaseAllAsync();
        NothingIsLeft();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _spaces.Dispose();
    }

    protected override void AddLink(GuestInterface link) =>
        _spaces.AddVeth(
            link.Name, link.Mac.ToString(), (int)link.Mtu, link.Addresses.Select(address => address.ToString()));

    protected override void RemoveLink(string name) => NetworkNamespaces.Ip($"-n {_spaces.Pod} link del {name}");

    protected override bool IsThere(NetworkNamespacePath path) => File.Exists(path.Path.Value);

    private async Task RefusedAsync(string sentence)
    {
        var links = await OpenAsync();
        (await links.Invoking(l => l.AttachAsync(Ct)).Should().ThrowAsync<KataException>().WithMessage(sentence))
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        NothingIsLeft();
    }

    private void NothingIsLeft()
    {
        Ledger.Read().IsEmpty.Should().BeTrue();
        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Should().NotContain("_kata");
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc").Should().NotContain("ingress");
    }

    /// <summary>A tap that is open, with a filter as ours.</summary>
    private void TakeByAnother(string link)
    {
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link add tap9_kata type veth peer name other");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set other up");
        NetworkNamespaces.Ip($"-n {_spaces.Pod} link set tap9_kata up");
        NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc add dev {link} clsact");
        NetworkNamespaces.Run(
            "tc",
            $"-n {_spaces.Pod} filter add dev {link} ingress prio 50000 protocol all u32 match u32 0 0 action mirred egress redirect dev tap9_kata");
    }

    private string Qdiscs(string link) => NetworkNamespaces.Run("tc", $"-n {_spaces.Pod} qdisc show dev {link}");

    private bool Tap(NetworkPlan plan) =>
        NetworkNamespaces.Ip($"-n {_spaces.Pod} -br link").Contains(plan.Devices[0].Tap, StringComparison.Ordinal);

    /// <summary>The next frame of the wanted sort from any of the queues, without virtio's header.</summary>
    private static async Task<byte[]> ReadAsync(IReadOnlyList<SafeFileHandle> queues, Func<byte[], bool> wanted)
    {
        var ct = Ct;
        var buffer = new byte[2048];
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            foreach (var queue in queues)
            {
                while (DescriptorIo.TryRead(queue, buffer) is var length and > VirtioHeader + 42 - 1)
                {
                    var frame = buffer[VirtioHeader..length];
                    if (wanted(frame))
                        return frame;
                }
            }
            using var some = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(queues.Select(queue => Poller.WaitReadableAsync(queue, some.Token).AsTask()));
            await some.CancelAsync();
        }
    }

    private static int EtherType(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));

    private static byte[] Ip(string address) => IPAddress.Parse(address).GetAddressBytes();

    private static byte[] ArpAnswer(byte[] question)
    {
        var mac = Convert.FromHexString(Mac0.ToString().Replace(":", "", StringComparison.Ordinal));
        return
        [
            .. new byte[VirtioHeader], .. question[6..12], .. mac, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2,
            .. mac, .. question[38..42], .. question[22..28], .. question[28..32],
        ];
    }
}
