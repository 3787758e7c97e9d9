using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Storage;
using Xunit;
using static Kata.Tests.Unit.Core.Application.Volumes.PlacingBench;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>Volumes that are shared with the guest, and mounts that stay with it.</summary>
public sealed class SharedVolumeTests
{
    private const string Pod = "/var/lib/kubelet/pods/p1";

    [Fact]
    public async Task Mounts_of_host_files_are_shared_and_others_stay()
    {
        var bench = new PlacingBench();
        bench.Files.Put("/host/shm", HostFileKind.Directory, change: f => f with { FsType = "tmpfs" });

        var placed = await bench.PlaceAsync(
            new OciMount { Destination = "/proc", Type = "proc", Source = "proc" },
            Bind("/host/shm", "/dev/shm"),
            Bind("/host/data", "/data", "ro"),
            new OciMount { Destination = "/etc/hosts", Source = "/host/hosts", Options = ["rbind", "rw"] },
            Bind("/sys/fs/cgroup", "/sys/fs/cgroup"),
            new OciMount { Destination = "/tmp", Type = "tmpfs", Source = "tmpfs" });

        placed.Mounts.Select(mount => (mount.Destination, mount.Type, mount.Source)).Should().Equal(
            ("/proc", "proc", "proc"),
            ("/dev/shm", "bind", "/run/kata-containers/sandbox/shm"),
            ("/data", "bind", "/run/kata-containers/shared/containers/box-2-data"),
            ("/etc/hosts", "bind", "/run/kata-containers/shared/containers/box-3-hosts"),
            ("/sys/fs/cgroup", "bind", "/sys/fs/cgroup"),
            ("/tmp", "tmpfs", "tmpfs"));
        bench.Share.Shared.Select(s => (s.Source, s.Access))
            .Should().Equal(("/host/data", ShareAccess.ReadOnly), ("/host/hosts", ShareAccess.ReadWrite));
    }

    [Fact]
    public async Task Link_is_shared_by_what_it_led_to_when_it_was_looked_at()
    {
        var bench = new PlacingBench();
        bench.Files.Put(
            "/host/link", HostFileKind.Directory, change: f =>
                f with { RealPath = HostPath.Parse("/host/target", "target") });

        await bench.PlaceAsync(Bind("/host/link", "/data"));

        bench.Share.Shared.Should().ContainSingle().Which.Source.Should().Be("/host/target");
    }

    [Theory]
    [InlineData("rprivate", SharePropagation.Private)]
    [InlineData("private", SharePropagation.Private)]
    [InlineData("rslave", SharePropagation.FromHost)]
    [InlineData("rshared", SharePropagation.FromHost)]
    [InlineData("rw", SharePropagation.FromHost)]
    public async Task Propagation_is_carried_to_the_share_and_its_word_to_the_guest(
        string word, SharePropagation expected)
    {
        var bench = new PlacingBench();

        var placed = await bench.PlaceAsync(Bind("/host/data", "/data", word));

        bench.Share.Shared.Should().ContainSingle().Which.Propagation.Should().Be(expected);
        placed.Mounts[0].Options.Should().Contain(word);
    }

    [Theory]
    [InlineData(ShareAccess.ReadOnly, "ro")]
    [InlineData(ShareAccess.ReadOnly, "rro")]
    [InlineData(ShareAccess.ReadOnly, "rw", "ro")]
    [InlineData(ShareAccess.ReadWrite, "ro", "rw")]
    [InlineData(ShareAccess.ReadWrite)]
    public async Task Access_when_options_contradict_is_what_the_last_one_says(
        ShareAccess expected, params string[] options)
    {
        var bench = new PlacingBench();

        await bench.PlaceAsync(Bind("/host/data", "/data", options));

        bench.Share.Shared.Should().ContainSingle().Which.Access.Should().Be(expected);
    }

    [Theory]
    [InlineData(ShareAccess.ReadOnlyTop, "ro")]
    [InlineData(ShareAccess.ReadOnly, "rro")]
    [InlineData(ShareAccess.ReadOnly, "rro", "ro")]
    [InlineData(ShareAccess.ReadWrite, "ro", "rw")]
    public async Task Access_when_others_are_mounted_below_covers_these_only_if_it_says_so(
        ShareAccess expected, params string[] options)
    {
        var bench = new PlacingBench();
        bench.Files.MountedBelow.Add("/host/data");

        var placed = await bench.PlaceAsync(Bind("/host/data", "/data", options));

        bench.Share.Shared.Should().ContainSingle().Which.Access.Should().Be(expected);
        placed.Mounts[0].Options.Should().Equal(
            ["rbind", .. options.Where(option => expected != ShareAccess.ReadOnlyTop || option != "ro")]);
    }

    [Theory]
    [InlineData("configmap")]
    [InlineData("secret")]
    [InlineData("projected")]
    [InlineData("downward-api")]
    public async Task Volume_that_kubelet_renews_is_watched_by_the_guest(string plugin)
    {
        var bench = new PlacingBench();

        var placed = await bench.PlaceAsync(Bind($"{Pod}/volumes/kubernetes.io~{plugin}/cfg", "/etc/cfg", "ro"));

        var storage = placed.Storages.Should().ContainSingle().Subject;
        storage.Driver.Should().Be("watchable-bind");
        storage.Source.Should().Be("/run/kata-containers/shared/containers/box-0-cfg");
        storage.MountPoint.Value.Should().Be("/run/kata-containers/shared/containers/watchable/box-0-cfg");
        placed.Mounts[0].Source.Should().Be(storage.MountPoint.Value);
    }

    [Fact]
    public async Task Mount_of_what_lies_in_a_volume_of_another_container_is_a_part_of_that()
    {
        var bench = new PlacingBench();
        bench.Share.Inside["/host/data/sub"] = ("other-0-data", "sub");

        var placed = await bench.PlaceAsync(Bind("/host/data/sub", "/sub", "ro"));

        var storage = placed.Storages.Should().ContainSingle().Subject;
        (storage.Driver, storage.Source, storage.MountPoint.Value).Should().Be(
            ("part", "/run/kata-containers/shared/containers/other-0-data",
                "/run/kata-containers/sandbox/parts/box-0"));
        storage.DriverOptions.Should().Equal("below=sub");
        (placed.Mounts[0].Source, placed.Mounts[0].Options)
            .Should().BeEquivalentTo((storage.MountPoint.Value, new[] { "rbind", "ro" }));
    }

    [Fact]
    public async Task Mount_of_what_lies_in_a_volume_of_another_container_is_shown_by_itself_to_upstreams_agent()
    {
        var bench = new PlacingBench();
        bench.UseUpstreamsAgent();
        bench.Share.Inside["/host/data/sub"] = ("other-0-data", "sub");

        var placed = await bench.PlaceAsync(Bind("/host/data/sub", "/sub", "ro"));

        placed.Storages.Should().BeEmpty();
        placed.Mounts[0].Source.Should().Be("/run/kata-containers/shared/containers/box-0-sub");
    }

    [Fact]
    public async Task Volume_that_kubelet_renews_when_it_is_large_is_shared_as_it_is()
    {
        var bench = new PlacingBench();
        bench.Files.Counts[$"{Pod}/volumes/kubernetes.io~secret/many"] = 9;

        var placed = await bench.PlaceAsync(Bind($"{Pod}/volumes/kubernetes.io~secret/many", "/etc/many", "ro"));

        placed.Storages.Should().BeEmpty();
        placed.Mounts[0].Source.Should().EndWith("/box-0-many");
    }

    [Fact]
    public async Task Mount_when_its_destination_is_long_still_fits_a_file_name()
    {
        var bench = new PlacingBench();

        await bench.PlaceAsync(Bind("/host/x", "/" + new string('\u20ac', 250)));

        bench.Share.Shared.Should().OnlyContain(s => System.Text.Encoding.UTF8.GetByteCount(s.Name) <= 255);
    }

    [Theory]
    [InlineData("/host/../etc")]
    [InlineData("relative")]
    [InlineData(null)]
    public async Task Mount_when_its_source_is_no_path_is_refused_and_named(string? source)
    {
        var failure = await new PlacingBench().RefusalAsync(Bind(source!));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/data");
    }

    [Fact]
    public async Task Mount_when_its_source_has_vanished_is_refused_and_named()
    {
        var bench = new PlacingBench();
        bench.Files.Remove("/host/gone");

        var failure = await bench.RefusalAsync(Bind("/host/gone"));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/data").And.Contain("/host/gone").And.NotContainEquivalentOf("no such file");
    }

    [Theory]
    [InlineData("/proc/1/root")]
    [InlineData("/sys/kernel")]
    public async Task Mount_when_its_source_is_a_link_into_the_hosts_kernel_is_refused(string target)
    {
        var bench = new PlacingBench();
        bench.Files.Put(
            "/host/link", HostFileKind.Directory, change: f =>
                f with { RealPath = Kata.Core.Domain.Storage.HostPath.Parse(target, "t") });

        (await bench.RefusalAsync(Bind("/host/link"))).Message.Should().Contain("/data").And.Contain(target);
    }

    [Theory]
    [InlineData(HostFileKind.Socket, "socket")]
    [InlineData(HostFileKind.Fifo, "named pipe")]
    [InlineData(HostFileKind.CharacterDevice, "character device")]
    public async Task Mount_of_what_cannot_reach_a_guest_is_refused_with_the_reason(HostFileKind kind, string word)
    {
        var bench = new PlacingBench();
        bench.Files.Put("/host/thing", kind, new DeviceNumber(240, 1));

        var failure = await bench.RefusalAsync(Bind("/host/thing"));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("/data").And.Contain(word);
    }

    [Fact]
    public async Task Mount_of_a_device_that_every_machine_has_is_the_guests_own()
    {
        var bench = new PlacingBench();
        bench.Files.Put("/dev/null", HostFileKind.CharacterDevice, new DeviceNumber(1, 3));

        (await bench.PlaceAsync(Bind("/dev/null", "/etc/masked"))).Mounts[0].Source.Should().Be("/dev/null");
    }

    [Fact]
    public async Task Mount_of_the_hosts_dev_is_left_out_and_told()
    {
        var bench = new PlacingBench();
        bench.Files.Put("/dev", HostFileKind.Directory, change: f => f with { FsType = "devtmpfs" });

        var placed = await bench.PlaceAsync(Bind("/dev", "/host-dev"));

        placed.Mounts.Should().BeEmpty();
        placed.LeftOut.Should().ContainSingle().Which.Should().Contain("/host-dev");
    }

    [Fact]
    public async Task Mount_when_nothing_is_shared_is_refused() =>
        (await new PlacingBench(shared: false).RefusalAsync(Bind("/s"))).Message.Should().Contain("shared_fs")
            .And.Contain("/data");

    [Fact]
    public async Task Mount_when_the_share_refuses_names_the_destination_and_keeps_the_kind()
    {
        var failure = await new PlacingBench().RefusalAsync(Bind("/host/refused"));

        failure.Kind.Should().Be(ErrorKind.PermissionDenied);
        failure.Message.Should().Contain("/data");
    }
}
