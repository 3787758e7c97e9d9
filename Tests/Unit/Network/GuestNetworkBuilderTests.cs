using System.Net;
using System.Net.NetworkInformation;
using CsCheck;
using FluentAssertions;
using Kata.Adapters.Guest.Network;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux.Netlink;
using Xunit;

namespace Kata.Tests.Unit.Network;

public class GuestNetworkBuilderTests
{
    private static readonly NetworkDevice Nic = new("eth0", "tap0_kata", new MacAddress(0x00aabbccddee), 1);
    private static readonly NetlinkLink Eth0 = new()
    {
        Index = 2,
        Name = "eth0",
        Mtu = 1450,
        Flags = NetlinkLink.IFF_UP | NetlinkLink.IFF_NOARP
    };

    [Fact]
    public void Link_local_address_that_the_guest_makes_itself_is_left_out_and_another_is_not()
    {
        var guest = Build(
            addresses: [Address("fe80::2aa:bbff:fecc:ddee", 64), Address("fe80::1", 64), Address("127.0.0.5", 8),
                Address("192.0.2.1", 24)]);

        guest.Interfaces[0].Addresses.Should().Equal(
            new IpPrefix(IPAddress.Parse("fe80::1"), 64), new IpPrefix(IPAddress.Parse("192.0.2.1"), 24));
        guest.Interfaces[0].NoArp.Should().BeTrue();
    }

    [Fact]
    public void Address_with_another_end_brings_the_route_to_it()
    {
        var guest = Build(addresses: [Address("10.0.0.2", 30) with { Peer = IPAddress.Parse("10.9.9.6") }]);

        guest.Interfaces[0].Addresses.Should().Equal(new IpPrefix(IPAddress.Parse("10.0.0.2"), 32));
        guest.Routes.Should().ContainSingle()
            .Which.Destination.Should().Be(new IpPrefix(IPAddress.Parse("10.9.9.4"), 30));
    }

    [Fact]
    public void Routes_of_the_kernel_of_other_tables_and_of_other_links_are_left_out()
    {
        var guest = Build(routes:
        [
            Route("10.1.0.0", 16) with { Protocol = NetlinkRoute.RTPROT_KERNEL },
            Route("10.2.0.0", 16) with { Table = 100 },
            Route("10.3.0.0", 16) with { Index = 9 },
            Route("10.4.0.0", 16) with { Type = 6 },
            Route("10.5.0.0", 16) with { Flags = 0x10 },
        ]);

        guest.Routes.Should().ContainSingle().Which.Should().Be(
            new GuestRoute { Destination = new IpPrefix(IPAddress.Parse("10.5.0.0"), 16), Device = "eth0" });
    }

    [Fact]
    public void Route_with_several_ways_takes_those_over_the_link()
    {
        IPAddress one = IPAddress.Parse("10.0.0.1"), other = IPAddress.Parse("10.0.0.9");
        var guest = Build(
            routes: [new NetlinkRoute { Hops = [new NetlinkHop(9, other, 0), new NetlinkHop(2, one, 4)] }]);

        guest.Routes.Should().ContainSingle()
            .Which.Should().Be(new GuestRoute { Gateway = one, Device = "eth0", Flags = 4 });
    }

    [Fact]
    public void Routes_are_ordered_so_that_gateways_can_be_reached()
    {
        var gateway = IPAddress.Parse("10.0.0.1");
        NetlinkRoute[] routes =
        [
            new() { Index = 2, Gateway = gateway },
            Route("10.8.0.0", 16) with { Gateway = gateway },
            Route("10.0.0.1", 32),
        ];

        Gen.Shuffle(routes).Sample(
            order => Build(routes: order).Routes.Select(route => (route.Destination?.Length, route.Gateway is null))
            .SequenceEqual([(32, true), (16, false), (null, false)]));
    }

    [Fact]
    public void Neighbours_that_stay_are_carried_and_the_gateway_if_it_is_known()
    {
        IPAddress gateway = IPAddress.Parse("10.0.0.1"), fixedOne = IPAddress.Parse("10.0.0.7"),
        passing = IPAddress.Parse("10.0.0.8");
        var mac = PhysicalAddress.Parse("02-00-00-00-00-01");
        var guest = Build(
            routes: [new NetlinkRoute { Index = 2, Gateway = gateway }],
            neighbours:
            [
                new NetlinkNeighbour { Index = 2, Address = gateway, LinkAddress = mac, State = 2 },
                new NetlinkNeighbour { Index = 2, Address = fixedOne, LinkAddress = mac, State = 0x80, Flags = 1 },
                new NetlinkNeighbour { Index = 2, Address = passing, LinkAddress = mac, State = 2 },
                new NetlinkNeighbour { Index = 2, Address = IPAddress.Parse("10.0.0.9"), State = 0x80 },
            ]);

        guest.Neighbours.Should().Equal(
            new GuestNeighbour(gateway, "eth0", new MacAddress(0x020000000001), 2, 0),
            new GuestNeighbour(fixedOne, "eth0", new MacAddress(0x020000000001), 0x80, 1));
    }

    [Fact]
    public void Physical_link_is_refused_with_its_bus()
    {
        var link = Eth0 with { HardwareType = 1, Address = PhysicalAddress.Parse("02-00-00-00-00-01") };

        var byKernel = () => LinkSelection.Require(link with { ParentBus = "pci" }, _ => "");
        var byEthtool = () => LinkSelection.Require(link, _ => "0000:00:1f.6");

        byKernel.Should().Throw<KataException>().WithMessage("link eth0 is a physical device (pci)*VFIO*")
            .Which.Kind.Should().Be(ErrorKind.InvalidArgument);
        byEthtool.Should().Throw<KataException>().WithMessage("*(0000:00:1f.6)*");
        LinkSelection.Require(link, _ => "");
    }

    [Theory]
    [InlineData("tap0_kata")]
    [InlineData("odd=na,me|x")]
    public void Ledger_name_is_read_back_whatever_the_names_are(string link) => Gen.Select(
        Gen.ULong, Gen.ULong, Gen.Bool, Gen.Bool,
        Gen.String[Gen.Char[' ', '~'], 1, 20]).Sample((inode, cookie, filterOnly, restores, path) =>
    {
        var resource = new NetworkResource
        {
            Link = link,
            IsFilterOnly = filterOnly,
            Inode = inode,
            Cookie = cookie,
            Namespace = new NetworkNamespacePath(
                HostPath.Parse("/run/netns/x" + path.Replace("/", "_", StringComparison.Ordinal), "path")),
            Restore = restores
                ? new LinkRestore(
                    "eth-0", PhysicalAddress.Parse("02-00-00-00-00-01"),
                    [new(IPAddress.Parse("fd00::1"), 64), new(IPAddress.Parse("10.0.0.1"), 8)])
                : null,
        };

        var read = NetworkResource.Parse(resource.As(ResourceKind.Tap));

        return read.ToString() == resource.ToString() && read.Link == link && read.IsFilterOnly == filterOnly
            && (read.Inode, read.Cookie) == (inode, cookie)
            && read.Namespace == resource.Namespace && read.Restore?.Addresses.Count == (restores ? 2 : null);
    });

    private static GuestNetworkSpec Build(
        IReadOnlyList<NetlinkAddress>? addresses = null, IReadOnlyList<NetlinkRoute>? routes = null,
            IReadOnlyList<NetlinkNeighbour>? neighbours = null) =>
        GuestNetworkBuilder.Build(
            [(2, Nic, new NetworkSnapshot([Eth0], addresses ?? [], routes ?? [], neighbours ?? []))]);

    private static NetlinkAddress Address(string address, byte length) =>
        new() { Index = 2, Address = IPAddress.Parse(address), PrefixLength = length };

    private static NetlinkRoute Route(string destination, byte length) =>
        new() { Index = 2, Destination = IPAddress.Parse(destination), PrefixLength = length };
}
