using FluentAssertions;
using Kata.Apps.Agent.Containers;
using Kata.Apps.Agent.Devices;
using Xunit;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Agent;

public class DeviceNodesTests
{
    private static readonly Oci.LinuxDevice Fuse = new() { Path = "/dev/fuse", Type = "c", Major = 10, Minor = 229 };

    [Fact]
    public void Rules_when_the_host_sends_none_deny_first_and_allow_the_containers_own()
    {
        var linux = new Oci.Linux { Devices = { Fuse.Clone() } };

        DeviceNodes.Rules(linux).Should().Equal(
            new DeviceRule(false, "a", null, null, "rwm"),
            new DeviceRule(true, "c", null, null, "m"),
            new DeviceRule(true, "b", null, null, "m"),
            new DeviceRule(true, "c", 10, 229, "rwm"));
    }

    [Fact]
    public void Rules_when_the_host_sends_some_keep_them()
    {
        var linux = With(new Oci.LinuxDeviceCgroup { Allow = true, Type = "c", Major = 136, Access = "rw" });

        DeviceNodes.Rules(linux).Should().Equal(new DeviceRule(true, "c", 136, null, "rw"));
    }

    [Fact]
    public void Rules_when_one_says_how_a_device_may_be_used_do_not_widen_it()
    {
        var linux = With(new Oci.LinuxDeviceCgroup { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "r" });
        linux.Devices.Add(Fuse.Clone());

        DeviceNodes.Rules(linux).Should().Equal(new DeviceRule(true, "c", 10, 229, "r"));
    }

    [Fact]
    public void Adapt_when_disks_are_attached_gives_nodes_and_rules_the_guests_numbers_even_if_they_cross()
    {
        var linux = With(
            new Oci.LinuxDeviceCgroup { Allow = true, Type = "b", Major = 8, Minor = 16, Access = "rwm" },
            new Oci.LinuxDeviceCgroup { Allow = true, Type = "b", Major = 254, Minor = 0, Access = "r" });
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/one", Type = "b", Major = 8, Minor = 16 });
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/two", Type = "b", Major = 254, Minor = 0 });

        Adapt(linux, Disk("/dev/one", 254, 0), Disk("/dev/two", 8, 32));

        linux.Devices.Select(d => (d.Path, d.Major, d.Minor))
            .Should().Equal(("/dev/one", 254L, 0L), ("/dev/two", 8L, 32L));
        DeviceNodes.Rules(linux)
            .Should().Equal(new DeviceRule(true, "b", 254, 0, "rwm"), new DeviceRule(true, "b", 8, 32, "r"));
    }

    [Fact]
    public void Adapt_when_a_disk_was_not_attached_leaves_its_node_out()
    {
        var linux = With();
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/sda", Type = "b", Major = 8, Minor = 0 });
        linux.Devices.Add(Fuse.Clone());

        Adapt(linux);

        linux.Devices.Should().Equal(Fuse);
    }

    [Fact]
    public void Adapt_when_the_guest_has_a_character_device_of_that_name_uses_its_numbers()
    {
        var linux = With(new Oci.LinuxDeviceCgroup { Allow = true, Type = "c", Major = 240, Minor = 3, Access = "rw" });
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/rtc", Type = "c", Major = 240, Minor = 3 });

        DeviceNodes.Adapt(linux, [], path => path == "/dev/rtc" ? (250, 1) : null, () => []);

        (linux.Devices[0].Major, linux.Devices[0].Minor).Should().Be((250, 1));
        linux.Resources.Devices[0].Major.Should().Be(250);
    }

    [Fact]
    public void Adapt_when_all_is_allowed_gives_the_guests_devices_and_none_of_the_hosts()
    {
        var linux = With(new Oci.LinuxDeviceCgroup { Allow = true, Access = "rwm" });
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/nvidia0", Type = "c", Major = 195, Minor = 0 });
        linux.Devices.Add(new Oci.LinuxDevice { Path = "/dev/sda", Type = "b", Major = 8, Minor = 0 });

        DeviceNodes.Adapt(linux, [], _ => null, () => [Fuse]);

        linux.Devices.Should().Equal(Fuse);
    }

    [Fact]
    public void Adapt_when_a_disk_was_attached_that_the_spec_has_not_is_refused() =>
        FluentActions.Invoking(() => Adapt(With(), Disk("/dev/x", 1, 2))).Should().Throw<Grpc.Core.RpcException>()
            .WithMessage("*Missing devices in OCI spec*");

    private static ContainerDevice Disk(string path, uint major, uint minor) =>
        new(path, new BlockNode("/dev/v", major, minor));

    private static void Adapt(Oci.Linux linux, params ContainerDevice[] attached) =>
        DeviceNodes.Adapt(linux, attached, _ => null, () => []);

    private static Oci.Linux With(params Oci.LinuxDeviceCgroup[] rules) =>
        new() { Resources = new Oci.LinuxResources { Devices = { rules } } };
}
