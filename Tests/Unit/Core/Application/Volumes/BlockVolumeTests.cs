using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Xunit;
using static Kata.Tests.Unit.Core.Application.Volumes.PlacingBench;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>Block devices, roots on them, and direct-assigned volumes.</summary>
public sealed class BlockVolumeTests
{
    private static readonly DeviceNumber Number = new(8, 16);
    private static readonly ContainerId Other = ContainerId.Parse("other");
    private readonly PlacingBench _bench = new();

    public BlockVolumeTests() => _bench.Files.Put("/dev/sdb", HostFileKind.BlockDevice, Number);

    [Fact]
    public async Task Device_of_the_specification_becomes_a_disk_that_the_guest_finds_by_its_place()
    {
        var placed = await _bench.PlaceAsync(WithDevice());

        placed.Devices.Should().Equal(new GuestDevice("blk", "02/01", "/dev/xvda"));
        placed.Nodes.Should().ContainSingle().Which.Path.Should().Be("/dev/xvda");
        _bench.Disks.Attached.Should().ContainSingle()
            .Which.Device.Should().Be(new BlockDevice("vol0", HostPath.Parse("/dev/sdb", "p"), false));
    }

    [Theory]
    [InlineData("rm", true)]
    [InlineData("rwm", false)]
    public async Task Device_when_its_rule_does_not_let_it_be_written_is_read_only_for_the_machine(
        string access, bool readOnly)
    {
        await _bench.PlaceAsync(WithDevice(access: access));

        ((BlockDevice)_bench.Disks.Attached[0].Device).ReadOnly.Should().Be(readOnly);
    }

    [Fact]
    public async Task Device_when_two_containers_use_it_is_attached_once_and_goes_with_the_last()
    {
        await _bench.PlaceAsync(WithDevice());
        await _bench.PlaceAsync(WithDevice("/dev/other"), Other);
        _bench.Disks.Attached.Should().ContainSingle();

        await _bench.ReleaseAsync(Box);
        _bench.Disks.Attached.Should().ContainSingle();
        await _bench.ReleaseAsync(Other);
        await _bench.ReleaseAsync(Other);
        _bench.Disks.Attached.Should().BeEmpty();
    }

    [Fact]
    public async Task Device_when_two_containers_disagree_on_writing_is_refused()
    {
        await _bench.PlaceAsync(WithDevice());

        (await Refusal.OfAsync(() => _bench.PlaceAsync(WithDevice(access: "r"), Other)))
            .Kind.Should().Be(ErrorKind.FailedPrecondition);
    }

    [Fact]
    public async Task Release_when_the_machine_is_another_one_touches_nothing()
    {
        await _bench.PlaceAsync(WithDevice());
        _bench.ReplaceMachine();

        await _bench.ReleaseAsync(Box);

        _bench.Host.Calls.Should().NotContain("hotplug.detach");
    }

    [Fact]
    public async Task Device_when_the_host_has_no_such_number_is_refused()
    {
        var failure = await Refusal.OfAsync(() => _bench.PlaceAsync(new OciSpec
        {
            Linux = new OciLinux { Devices = [new OciDevice { Path = "/dev/xvda", Type = "b", Major = 9, Minor = 9 }] },
        }));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/dev/xvda").And.Contain("9:9");
    }

    [Fact]
    public async Task Device_when_the_machine_takes_none_is_refused() =>
        (await Refusal.OfAsync(() => Ready(new PlacingBench(hotplug: false)).PlaceAsync(WithDevice())))
            .Kind.Should().Be(ErrorKind.Unimplemented);

    [Fact]
    public async Task Device_when_block_devices_are_switched_off_is_refused() =>
        (await Refusal.OfAsync(() => Ready(WithoutBlocks()).PlaceAsync(WithDevice())))
            .Message.Should().Contain("disable_block_device_use");

    [Fact]
    public async Task Character_device_of_the_host_is_refused_unless_every_machine_has_it()
    {
        (await _bench.PlaceAsync(Nodes(new OciDevice { Path = "/dev/fuse", Type = "c", Major = 10, Minor = 229 })))
            .Nodes.Should().ContainSingle();

        var failure = await Refusal.OfAsync(
            () => _bench.PlaceAsync(Nodes(new OciDevice { Path = "/dev/gpu", Type = "c", Major = 195, Minor = 0 })));
        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/dev/gpu");
    }

    [Fact]
    public async Task Privileged_container_gets_none_of_the_hosts_devices_but_those_it_asks_for()
    {
        _bench.Files.Put("/dev/tty1", HostFileKind.CharacterDevice, new DeviceNumber(4, 1));
        _bench.Files.Remove("/dev/xvda");

        var placed = await _bench.PlaceAsync(new OciSpec
        {
            Linux = new OciLinux
            {
                Devices =
                [
                    new OciDevice { Path = "/dev/tty1", Type = "c", Major = 4, Minor = 1 },
                    new OciDevice { Path = "/dev/sdb", Type = "b", Major = 8, Minor = 16 },
                    new OciDevice { Path = "/dev/null", Type = "c", Major = 1, Minor = 3 },
                    new OciDevice { Path = "/dev/xvda", Type = "b", Major = 8, Minor = 16 },
                ],
                Resources = new OciResources { Devices = [new OciDeviceRule { Allow = true, Access = "rwm" }] },
            },
        });

        placed.Nodes.Select(n => n.Path).Should().Equal("/dev/null", "/dev/xvda");
        placed.Devices.Should().ContainSingle().Which.ContainerPath.Should().Be("/dev/xvda");
        placed.LeftOut.Should().HaveCount(2);
    }

    [Fact]
    public async Task Mount_of_a_block_device_is_the_device_at_that_place()
    {
        var placed = await _bench.PlaceAsync(Bind("/dev/sdb", "/data/disk", "ro"));

        placed.Mounts.Should().BeEmpty();
        placed.Devices.Should().Equal(new GuestDevice("blk", "02/01", "/data/disk"));
        placed.Nodes.Should().ContainSingle().Which.Should().Match<OciDevice>(
            n => n.Path == "/data/disk" && n.Type == "b" && n.Major == 8 && n.Minor == 16);
        ((BlockDevice)_bench.Disks.Attached[0].Device).ReadOnly.Should().BeTrue();
    }

    [Fact]
    public async Task File_that_is_marked_as_a_disk_is_mounted_by_the_guest()
    {
        _bench.Files.Put("/images/a.img", HostFileKind.File);

        var placed = await _bench.PlaceAsync(new OciMount
        {
            Destination = "/data",
            Type = "ext4",
            Source = "/images/a.img",
            Options = ["io.katacontainers.fs-opt.block_device=file", "noatime"],
        });

        var storage = placed.Storages.Should().ContainSingle().Subject;
        (storage.Driver, storage.Source, storage.FsType).Should().Be(("blk", "02/01", "ext4"));
        storage.Options.Should().Equal("noatime");
        storage.MountPoint.Value.Should().Be("/run/kata-containers/sandbox/storage/MDIvMDE=");
        placed.Mounts.Should().ContainSingle()
            .Which.Should().Match<OciMount>(m => m.Source == storage.MountPoint.Value && m.Type == "bind");
    }

    [Theory]
    [InlineData("ext4", "/dev/sdb", true)]
    [InlineData("xfs", "/dev/sdb", true)]
    [InlineData("bind", "/dev/sdb", false)]
    [InlineData("overlay", "overlay", false)]
    [InlineData("ext4", "/some/directory", false)]
    public async Task Root_is_a_disk_only_if_it_is_declared_to_be_one(string type, string source, bool isBlock) =>
        (await _bench.IsBlockRootAsync(new MountSpec(type, source, "", []))).Should().Be(isBlock);

    [Fact]
    public async Task Root_of_an_image_without_layers_brings_no_device()
    {
        // The directory lies on a disk of the host; nothing may follow from that.
        _bench.Files.Put("/bundle/rootfs", HostFileKind.Directory, change: f => f with { IsMountPoint = true });

        (await _bench.IsBlockRootAsync()).Should().BeFalse();
        (await _bench.IsBlockRootAsync(new MountSpec("bind", "/bundle/rootfs", "", ["rbind"]))).Should().BeFalse();
        (await _bench.PlaceAsync(new OciSpec())).Root.Should().BeNull();
        _bench.Disks.Attached.Should().BeEmpty();
    }

    [Fact]
    public async Task Root_on_a_disk_when_that_is_switched_off_is_the_hosts() =>
        (await Ready(WithoutBlocks()).IsBlockRootAsync(new MountSpec("ext4", "/dev/sdb", "", []))).Should().BeFalse();

    [Fact]
    public async Task Root_on_a_disk_is_mounted_by_the_guest_first()
    {
        var placed = await _bench.PlaceAsync(
            new OciSpec { Mounts = [Bind("/dev/sdb", "/again")] }, null,
            new MountSpec("xfs", "/dev/sdb", "", ["rw", "discard"]));

        placed.Root!.Value.Should().Be("/run/kata-containers/shared/containers/box/rootfs");
        placed.Storages[0].Should().Match<GuestMount>(
            s => s.Driver == "blk" && s.Source == "02/01" && s.FsType == "xfs" && s.MountPoint == placed.Root);
        placed.Storages[0].Options.Should().Equal("discard", "nouuid");
        _bench.Disks.Attached.Should().ContainSingle("the same device is there once");
    }

    [Fact]
    public async Task Direct_volume_is_the_device_that_was_announced_and_is_marked_with_the_sandbox()
    {
        Announce("noatime");

        var placed = await _bench.PlaceAsync(Bind("/csi/mount", "/data", "ro"));

        var storage = placed.Storages.Should().ContainSingle().Subject;
        storage.Options.Should().Equal("noatime");
        storage.DriverOptions.Should().Equal("create_filesystem");
        storage.Group.Should().Be(new VolumeGroup(3000, true));
        placed.Mounts.Should().ContainSingle()
            .Which.Should().Match<OciMount>(m => m.Source == storage.MountPoint.Value && m.Options.Contains("ro"));
        ((BlockDevice)_bench.Disks.Attached[0].Device).ReadOnly.Should().BeFalse("another container may write it");
        _bench.Host.Held.Should().Contain(r => r.Name == "/dv/x/pod");
    }

    [Fact]
    public async Task Direct_volume_whose_filesystem_the_guest_makes_stays_when_its_container_goes()
    {
        Announce("noatime");
        var first = await _bench.PlaceAsync(Bind("/csi/mount", "/data"));

        await _bench.ReleaseAsync(Box);
        var second = await _bench.PlaceAsync(Bind("/csi/mount", "/data"));

        first.Storages[0].Shared.Should().BeTrue();
        second.Storages[0].MountPoint.Should().Be(first.Storages[0].MountPoint);
        _bench.Host.Calls.Should().ContainSingle(call => call == "hotplug.attach");
    }

    [Fact]
    public async Task Direct_volume_that_is_read_only_is_so_for_the_machine_and_nothing_is_done_to_it()
    {
        Announce("ro");

        var storage = (await _bench.PlaceAsync(Bind("/csi/mount", "/data"))).Storages.Should().ContainSingle().Subject;

        storage.Options.Should().Equal("ro");
        storage.DriverOptions.Should().BeEmpty();
        storage.Group.Should().BeNull();
        ((BlockDevice)_bench.Disks.Attached[0].Device).ReadOnly.Should().BeTrue();
    }

    [Fact]
    public async Task Direct_volume_when_its_device_is_missing_names_the_destination()
    {
        _bench.Direct.Volumes["/csi/mount"] = new DirectVolume(
            HostPath.Parse("/dv/x", "d"), HostPath.Parse("/dev/gone", "d"), "ext4", []);
        _bench.Files.Remove("/dev/gone");

        (await _bench.RefusalAsync(Bind("/csi/mount", "/data"))).Message.Should().Contain("/data")
            .And.Contain("/dev/gone");
    }

    private void Announce(string option) =>
        _bench.Direct.Volumes["/csi/mount"] = new DirectVolume(
            HostPath.Parse("/dv/x", "d"), HostPath.Parse("/dev/sdb", "d"), "ext4", [option])
        {
            Group = new VolumeGroup(3000, true),
            CreateFilesystem = true,
        };

    private static PlacingBench WithoutBlocks() =>
        new(change: s => s with { Hypervisor = s.Hypervisor with { DisableBlockDeviceUse = true } });

    private static PlacingBench Ready(PlacingBench bench)
    {
        bench.Files.Put("/dev/sdb", HostFileKind.BlockDevice, Number);
        return bench;
    }

    private static OciSpec Nodes(params OciDevice[] nodes) => new() { Linux = new OciLinux { Devices = nodes } };

    private static OciSpec WithDevice(string path = "/dev/xvda", string access = "rwm") => new()
    {
        Linux = new OciLinux
        {
            Devices = [new OciDevice { Path = path, Type = "b", Major = Number.Major, Minor = Number.Minor }],
            Resources = new OciResources
            {
                Devices = [new OciDeviceRule
                {
                    Allow = true,
                    Type = "b",
                    Major = Number.Major,
                    Minor = Number.Minor,
                    Access = access
                }]
            },
        },
    };
}
