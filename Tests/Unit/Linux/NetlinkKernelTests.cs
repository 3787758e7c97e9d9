using System.Net;
using System.Net.NetworkInformation;
using FluentAssertions;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;
using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>The codec against the kernel, in a network namespace of the test's own.</summary>
[Collection("kernel")]
public class NetlinkKernelTests : IAsyncLifetime
{
    private static readonly PhysicalAddress Mac = PhysicalAddress.Parse("02-00-00-00-00-17");
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"netlink-{Guid.NewGuid():N}");

    public Task InitializeAsync() =>
        Environment.IsPrivilegedProcess ? Namespaces.CreateNetworkNamespaceAsync(_path) : Task.CompletedTask;

    public Task DisposeAsync()
    {
        if (Environment.IsPrivilegedProcess)
            Namespaces.Remove(_path);
        return Task.CompletedTask;
    }

    [RootFact]
    public void Link_when_set_has_name_mtu_address_and_flags()
    {
        InNamespace(socket =>
        {
            using var tap = Tap("t0");
            var index = Find(socket, "t0").Index;

            socket.SetLink(
                index, "t0",
                new LinkSettings { Name = "eth7", Mtu = 1400, Address = Mac, NoArp = true, NoOwnIpv6Address = true });
            socket.SetLink(index, "eth7", new LinkSettings { Up = true });

            var link = Find(socket, "eth7");
            (link.Mtu, link.Address, link.IsUp, link.Kind, link.TunType, link.Flags & NetlinkLink.IFF_NOARP)
                .Should().Be((1400u, Mac, true, "tun", 2, NetlinkLink.IFF_NOARP));
            Find(socket, "lo").IsLoopback.Should().BeTrue();
            socket.Addresses().Should().NotContain(address => address.Index == index);
            socket.TryDeleteLink(index, "eth7").Should().BeTrue();
            socket.TryDeleteLink(index, "eth7").Should().BeFalse();
        });
    }

    [RootFact]
    public void Addresses_routes_and_neighbours_when_replaced_are_there_once()
    {
        InNamespace(socket =>
        {
            using var tap = Tap("t0");
            var index = Find(socket, "t0").Index;
            socket.SetLink(index, "t0", new LinkSettings { Up = true });
            var gateway = IPAddress.Parse("192.0.2.1");
            NetlinkRoute[] routes =
            [
                new() { Destination = gateway, PrefixLength = 32, Index = index, Scope = NetlinkRoute.RT_SCOPE_LINK },
                new()
                {
                    Gateway = gateway,
                    Index = index,
                    Flags = NetlinkRoute.RTNH_F_ONLINK,
                    Mtu = 1300,
                    Metric = 7,
                    Source = IPAddress.Parse("10.9.8.7")
                },
                new()
                {
                    IsV6 = true,
                    Destination = IPAddress.Parse("2001:db8:1::"),
                    PrefixLength = 48,
                    Gateway = IPAddress.Parse("2001:db8::1"),
                    Index = index,
                    Metric = 9
                },
            ];
            var neighbour = new NetlinkNeighbour
            {
                Index = index,
                Address = gateway,
                LinkAddress = Mac,
                State = NetlinkNeighbour.NUD_PERMANENT
            };

            for (var i = 0; i < 2; i++)
            {
                socket.ReplaceAddress(
                    new NetlinkAddress { Index = index, Address = IPAddress.Parse("10.9.8.7"), PrefixLength = 24 });
                socket.ReplaceAddress(
                    new NetlinkAddress
                    {
                        Index = index,
                        Address = IPAddress.Parse("2001:db8::2"),
                        PrefixLength = 64,
                        Flags = NetlinkAddress.IFA_F_NODAD
                    });
                foreach (var route in routes)
                    socket.ReplaceRoute(route);
                socket.ReplaceNeighbour(neighbour);
            }

            var have = socket.Routes()
                .Where(route => route.Index == index && route.Table == NetlinkRoute.RT_TABLE_MAIN).ToList();
            have.Should().ContainSingle(
                route => !route.IsV6 && route.Destination == null && route.Mtu == 1300 && route.Metric == 7
                && gateway.Equals(route.Gateway) && (route.Flags & NetlinkRoute.RTNH_F_ONLINK) != 0
                && IPAddress.Parse("10.9.8.7").Equals(route.Source));
            have.Should().ContainSingle(
                route =>
                    gateway.Equals(route.Destination) && route.PrefixLength == 32
                        && route.Scope == NetlinkRoute.RT_SCOPE_LINK);
            have.Should().ContainSingle(route => route.IsV6 && route.PrefixLength == 48 && route.Metric == 9);
            have.Should().ContainSingle(
                route => !route.IsV6 && route.Protocol == NetlinkRoute.RTPROT_KERNEL && route.PrefixLength == 24);
            socket.Addresses().Count(address => address.Index == index && address.Scope == 0).Should().Be(2);
            socket.Neighbours().Should().ContainSingle(known => known.Address.Equals(gateway))
                .Which.Should().Be(neighbour);
        });
    }

    [RootFact]
    public void Refused_route_tells_the_kernels_own_words()
    {
        InNamespace(socket =>
        {
            using var tap = Tap("t0");
            var index = Find(socket, "t0").Index;
            socket.SetLink(index, "t0", new LinkSettings { Up = true });

            var act = () => socket.ReplaceRoute(
                new NetlinkRoute { Gateway = IPAddress.Parse("192.0.2.1"), Index = index });

            act.Should().Throw<LinuxException>().WithMessage("RTM_NEWROUTE*192.0.2.1*Nexthop has invalid gateway*")
                .Which.Errno.Should().Be(Errno.ENETUNREACH);
        });
    }

    [RootFact]
    public void Redirect_when_added_is_listed_and_goes_alone_or_with_its_discipline()
    {
        foreach (var kind in (string[])["ingress", "clsact"])
        {
            InNamespace(socket =>
            {
                using var tap = Tap("t0");
                using var other = Tap("t1");
                int from = Find(socket, "t0").Index, to = Find(socket, "t1").Index;

                socket.AddIngress(from, "t0", kind);
                var again = () => socket.AddIngress(from, "t0");
                socket.AddRedirect(from, "t0", to, 50000);

                again.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EEXIST);
                socket.Qdiscs(from).Should().ContainSingle(qdisc => qdisc.IsOnIngress).Which.Kind.Should().Be(kind);
                var filter = socket.IngressFilters(from, "t0").Should().ContainSingle(found => found.RedirectsTo == to)
                    .Subject;
                (filter.Kind, filter.Priority, filter.Protocol).Should().Be(("u32", 50000, 3));
                socket.TryDeleteFilter(filter with { Handle = 0 }, "t0").Should().BeTrue();
                socket.TryDeleteFilter(filter with { Handle = 0 }, "t0").Should().BeFalse();
                socket.IngressFilters(from, "t0").Should().BeEmpty();
                socket.AddRedirect(from, "t0", to, 50000);
                socket.TryDeleteIngress(from, "t0").Should().BeTrue();
                socket.TryDeleteIngress(from, "t0").Should().BeFalse();
                socket.IngressFilters(from, "t0").Should().BeEmpty();
                socket.IngressFilters(999, "none").Should().BeEmpty();
                socket.TryDeleteIngress(999, "none").Should().BeFalse();
            });
        }
    }

    [RootFact]
    public async Task Listener_hears_of_a_change()
    {
        using var listener = Namespaces.RunInNetworkNamespace(
            _path, () => NetlinkSocket.OpenListener(NetlinkGroups.Links));
        listener.Drain().Should().BeFalse();

        InNamespace(_ => Tap("t0").Dispose());

        await listener.WaitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token);
        listener.Drain().Should().BeTrue();
    }

    private static Microsoft.Win32.SafeHandles.SafeFileHandle Tap(string name) => TunTap.OpenTap(name)[0];

    private static NetlinkLink Find(NetlinkSocket socket, string name) =>
        socket.Links().Single(link => link.Name == name);

    private void InNamespace(Action<NetlinkSocket> work) => Namespaces.RunInNetworkNamespace(_path, () =>
    {
        using var socket = NetlinkSocket.Open();
        work(socket);
    });
}
