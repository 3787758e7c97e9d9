using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Tests.Harness;
using Xunit;
using static Kata.Tests.Unit.Core.Application.Volumes.PlacingBench;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>What must be in a root for the guest's runtime, which cannot make it there itself.</summary>
public sealed class MountPointTests
{
    private static readonly OciMount Proc = new() { Destination = "/proc", Type = "proc", Source = "proc" };

    [Fact]
    public async Task Root_that_is_read_only_is_described_with_its_mount_points_of_the_sources_kinds()
    {
        var bench = new PlacingBench();
        bench.Files.Put("/host/resolv.conf", HostFileKind.File);

        (await PointsAsync(bench, Proc, Bind("/host/resolv.conf", "/etc/resolv.conf"),
            Bind("/host/data", "/var/data/")))
            .Should().Equal(("/proc", true), ("/etc/resolv.conf", false), ("/var/data", true), ("/srv", true));
    }

    [Fact]
    public async Task Root_that_is_writable_is_left_to_the_guests_runtime() =>
        (await new PlacingBench().DescribeRootAsync(new OciSpec { Mounts = [Proc], Root = new OciRoot() }))
            .MountPoints.Should().BeEmpty();

    [Fact]
    public async Task Mount_inside_of_another_is_not_of_the_root() =>
        (await PointsAsync(new PlacingBench(), Bind("/host/a", "/srv"), Bind("/host/b", "/srv/b"),
            Bind("/host/c", "/srvs")))
            .Should().Equal(("/srv", true), ("/srvs", true));

    [Fact]
    public async Task Mount_of_a_disk_which_becomes_a_node_has_none()
    {
        var bench = new PlacingBench();
        bench.Files.Put("/dev/sdx", HostFileKind.BlockDevice, new DeviceNumber(8, 1));

        (await PointsAsync(bench, Bind("/dev/sdx", "/disk"))).Should().Equal(("/srv", true));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("proc")]
    [InlineData("/../proc")]
    [InlineData("/a\0b")]
    public async Task Destination_that_names_no_place_is_the_guests_to_refuse(string destination) =>
        (await PointsAsync(new PlacingBench(), Proc with { Destination = destination })).Should().Equal(("/srv", true));

    [Fact]
    public async Task Mount_whose_source_is_missing_is_still_described_for_its_refusal_comes_later()
    {
        var bench = new PlacingBench();
        bench.Files.Remove("/host/gone");

        (await PointsAsync(bench, Bind("/host/gone"))).Should().Equal(("/data", true), ("/srv", true));
    }

    [Fact]
    public void Create_when_the_specification_says_read_only_tells_the_mounter_so() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync(
            "pod", change: spec => spec with { Root = new OciRoot { Path = "/r", Readonly = true }, Mounts = [Proc] });

        var root = shim.Rootfs.Mounted[ContainerId.Parse("pod")];
        (root.Source.Value, root.ReadOnly).Should().Be(("/r", true));
        root.MountPoints.Select(point => point.Path).Should().Contain("/proc");
    });

    private static async Task<IEnumerable<(string, bool)>> PointsAsync(PlacingBench bench, params OciMount[] mounts)
    {
        var spec = new OciSpec
        {
            Mounts = mounts,
            Root = new OciRoot { Readonly = true },
            Process = new OciProcess { Cwd = "/srv" }
        };
        return (await bench.DescribeRootAsync(spec)).MountPoints.Select(point => (point.Path, point.IsDirectory));
    }
}
