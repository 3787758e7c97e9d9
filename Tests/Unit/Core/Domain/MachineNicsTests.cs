using System.Net;
using FluentAssertions;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Networking;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>What a guest knows of its network while NICs come and go.</summary>
public sealed class MachineNicsTests
{
    private static readonly MacAddress First = MacAddress.Of([2, 0, 0, 0, 0, 1]);
    private static readonly MacAddress Second = MacAddress.Of([2, 0, 0, 0, 0, 2]);
    private static readonly GuestNetworkSpec Both = Of("eth0", First).With(Of("eth1", Second));

    private readonly MachineNics _nics = new();

    [Fact]
    public void Network_of_one_nic_is_what_belongs_to_its_link()
    {
        Both.Of(Second).Should().BeEquivalentTo(Of("eth1", Second));
        Both.Without(First).Should().BeEquivalentTo(Of("eth1", Second));
    }

    [Fact]
    public void Nic_that_was_there_from_the_launch_is_none_that_can_be_taken_out()
    {
        _nics.RecordApplied(Of("eth0", First));

        _nics.Plugged(First).Should().BeNull();
    }

    [Fact]
    public void Nic_that_comes_and_goes_leaves_the_others_as_they_were()
    {
        _nics.RecordApplied(Of("eth0", First));
        var attached = new AttachedDevice(new NetworkDevice("nic1", "tap1", Second, 1), "02/03");
        _nics.RecordPlugged(Second, attached);
        _nics.RecordAdded(Of("eth1", Second));

        _nics.Plugged(Second).Should().Be(attached);
        _nics.Applied.Should().BeEquivalentTo(Both);

        _nics.RecordUnplugged(Second);
        _nics.Plugged(Second).Should().BeNull();
        _nics.Applied.Should().BeEquivalentTo(Both, "its link is still there");
        _nics.RecordRemoved(Second);
        _nics.Applied.Should().BeEquivalentTo(Of("eth0", First));
    }

    [Fact]
    public void ChangedSince_names_what_is_new_or_other_and_not_what_is_gone()
    {
        Both.ChangedSince(Both).IsEmpty.Should().BeTrue();
        Both.ChangedSince(Of("eth0", First)).Should().BeEquivalentTo(Of("eth1", Second));
        Of("eth0", First).ChangedSince(Both).IsEmpty.Should().BeTrue();
        Of("eth0", First, mtu: 9000).ChangedSince(Both).Interfaces.Should().ContainSingle().Which.Mtu.Should().Be(9000);
    }

    private static GuestNetworkSpec Of(string name, MacAddress mac, uint mtu = 1500) => new()
    {
        Interfaces = [new GuestInterface { Name = name, Mac = mac, Mtu = mtu }],
        Routes = [new GuestRoute { Device = name, Gateway = IPAddress.Loopback }],
        Neighbours = [new GuestNeighbour(IPAddress.Loopback, name, mac, 0x80, 0)],
    };
}
