using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Volumes;
using Kata.Core.Domain.Oci;
using Xunit;
using static Kata.Tests.Unit.Core.Application.Volumes.PlacingBench;

namespace Kata.Tests.Unit.Core.Application.Volumes;

/// <summary>Volumes that the guest makes for itself.</summary>
public sealed class MemoryVolumeTests
{
    private const string Pod = "/var/lib/kubelet/pods/p1";
    private const string EmptyDir = $"{Pod}/volumes/kubernetes.io~empty-dir/cache";

    [Fact]
    public async Task EmptyDir_in_memory_is_a_tmpfs_of_the_guest_with_size_mode_owner_and_group()
    {
        var bench = new PlacingBench();
        PutTmpfs(bench, EmptyDir, "rw", "size=65536k");

        var placed = await bench.PlaceAsync(Bind(EmptyDir, "/cache", "rw"));

        var storage = placed.Storages.Should().ContainSingle().Subject;
        (storage.Driver, storage.Source, storage.FsType).Should().Be(("ephemeral", "tmpfs", "tmpfs"));
        storage.MountPoint.Value.Should().Be("/run/kata-containers/sandbox/ephemeral/cache");
        storage.Options.Should().Equal("mode=2775", "uid=1000", "gid=3000", "size=67108864");
        placed.Mounts[0].Source.Should().Be(storage.MountPoint.Value);
        bench.Share.Shared.Should().BeEmpty();
    }

    [Fact]
    public async Task EmptyDir_in_memory_at_dev_shm_is_not_the_sandboxes_shared_memory()
    {
        var bench = new PlacingBench(shared: false);
        PutTmpfs(bench, EmptyDir);

        (await bench.PlaceAsync(Bind(EmptyDir, "/dev/shm"))).Mounts[0]
            .Source.Should().Be("/run/kata-containers/sandbox/ephemeral/cache");
    }

    [Fact]
    public async Task SubPath_of_an_emptyDir_in_memory_is_a_directory_of_the_guests_tmpfs_for_upstreams_agent()
    {
        var bench = new PlacingBench();
        bench.UseUpstreamsAgent();
        bench.Files.Put(
            $"{Pod}/volumes/kubernetes.io~empty-dir/cache", HostFileKind.Directory, change: f =>
                f with { FsType = "tmpfs", IsMountPoint = true });
        var part = $"{Pod}/volume-subpaths/cache/main/0";
        bench.Files.Put(
            part, HostFileKind.Directory, change: f =>
                f with { FsType = "tmpfs", IsMountPoint = true, MountRoot = "/a", GroupId = 6 });

        var placed = await bench.PlaceAsync(Bind(part, "/part"));

        placed.Storages.Select(storage => storage.Driver).Should().Equal("ephemeral", "local");
        placed.Storages[1].Options.Should().Equal("mode=0777", "fsgid=6");
        placed.Mounts[0].Source.Should().Be("/run/kata-containers/sandbox/ephemeral/cache/a");
    }

    [Theory]
    [InlineData(HostFileKind.Directory, "make=directory")]
    [InlineData(HostFileKind.File, "make=file")]
    public async Task SubPath_of_an_emptyDir_in_memory_is_a_part_of_the_guests_tmpfs_found_beneath_it(
        HostFileKind kind, string made)
    {
        var bench = new PlacingBench();
        PutTmpfs(bench, EmptyDir);
        var part = $"{Pod}/volume-subpaths/cache/main/0";
        bench.Files.Put(
            part, kind, change: f => f with
            {
                FsType = "tmpfs",
                IsMountPoint = true,
                MountRoot = "/a/b,c",
                Permissions = 0x1E8,
                UserId = 5,
                GroupId = 6
            });

        var placed = await bench.PlaceAsync(Bind(part, "/part"));

        placed.Storages.Select(s => (s.Driver, s.MountPoint.Value)).Should().Equal(
            ("ephemeral", "/run/kata-containers/sandbox/ephemeral/cache"),
            ("part", "/run/kata-containers/sandbox/parts/box-0"));
        placed.Storages[1].Source.Should().Be("/run/kata-containers/sandbox/ephemeral/cache");
        placed.Storages[1].DriverOptions.Should().Equal("below=a/b,c", made, "mode=0750", "uid=5", "gid=6");
        placed.Mounts[0].Source.Should().Be("/run/kata-containers/sandbox/parts/box-0");
    }

    [Fact]
    public async Task SubPath_of_another_volume_is_shared()
    {
        var bench = new PlacingBench();

        (await bench.PlaceAsync(Bind($"{Pod}/volume-subpaths/data/main/0", "/part"))).Storages.Should().BeEmpty();

        bench.Share.Shared.Should().ContainSingle();
    }

    [Fact]
    public async Task EmptyDir_of_huge_pages_takes_the_containers_limit()
    {
        var bench = new PlacingBench();
        PutHugepages(bench);

        var placed = await bench.PlaceAsync(new OciSpec
        {
            Mounts = [Bind(EmptyDir, "/huge")],
            Linux = new OciLinux
            {
                Resources = new OciResources
                {
                    HugepageLimits = [new OciHugepageLimit { PageSize = "2MB", Limit = 8388608 }]
                }
            },
        });

        var storage = placed.Storages.Should().ContainSingle().Subject;
        (storage.Driver, storage.Source, storage.FsType).Should().Be(("ephemeral", "nodev", "hugetlbfs"));
        storage.Options.Should().Equal("pagesize=2097152,size=8388608");
    }

    [Fact]
    public async Task EmptyDir_of_huge_pages_without_a_limit_is_refused()
    {
        var bench = new PlacingBench();
        PutHugepages(bench);

        (await bench.RefusalAsync(Bind(EmptyDir, "/huge"))).Message.Should().Contain("/huge").And.Contain("2048 kB");
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 1)]
    public async Task EmptyDir_on_disk_is_the_hosts_unless_that_is_switched_off(bool hosts, int storages)
    {
        var bench = new PlacingBench(change: s => s with { DisableGuestEmptyDir = hosts });
        bench.Files.Put(EmptyDir, HostFileKind.Directory, change: f => f with { GroupId = 7, Permissions = 0x1FF });

        var placed = await bench.PlaceAsync(Bind(EmptyDir, "/cache"));

        placed.Storages.Should().HaveCount(storages);
        if (!hosts)
        {
            placed.Storages[0].Driver.Should().Be("part");
            placed.Storages[0].Source.Should().Be("/run/kata-containers/shared/containers/pod/rootfs");
            placed.Storages[0]
                .DriverOptions.Should().Equal("below=local/cache", "make=directory", "mode=0777", "uid=0", "gid=7");
            placed.Mounts[0].Source.Should().Be("/run/kata-containers/sandbox/parts/box-0");
        }
    }

    [Theory]
    [InlineData("65536k", 67108864L)]
    [InlineData("64m", 67108864L)]
    [InlineData("1G", 1073741824L)]
    [InlineData("100", 100L)]
    [InlineData("50%", null)]
    [InlineData("-1", null)]
    [InlineData("99999999999999999g", null)]
    [InlineData("", null)]
    public void Bytes_of_a_size_are_read_as_tmpfs_reads_them(string text, long? bytes) =>
        MountOptions.Bytes(text).Should().Be(bytes);

    [Fact]
    public async Task Shm_size_is_the_one_that_the_container_manager_has_made()
    {
        var bench = new PlacingBench();
        bench.Files.Put(
            "/run/shm1", HostFileKind.Directory, change: f =>
                f with { FsType = "tmpfs", FsOptions = ["rw", "size=131072k"] });

        (await SizeAsync(bench, Bind("/run/shm1", "/dev/shm"))).Should().Be(128L << 20);
        (await SizeAsync(bench, new OciMount
        {
            Destination = "/dev/shm",
            Type = "tmpfs",
            Source = "shm",
            Options = ["nosuid", "size=32m"]
        })).Should().Be(32L << 20);
        (await SizeAsync(bench, Bind("/somewhere", "/dev/shm"))).Should().Be(64L << 20);
        (await SharedMemory.SizeAsync(new OciSpec(), bench.Files, default)).Should().Be(64L << 20);
    }

    private static Task<long> SizeAsync(PlacingBench bench, OciMount mount) =>
        SharedMemory.SizeAsync(new OciSpec { Mounts = [mount] }, bench.Files, default);

    private static void PutTmpfs(PlacingBench bench, string path, params string[] options) => bench.Files.Put(
        path, HostFileKind.Directory, change: f => f with
        {
            FsType = "tmpfs",
            IsMountPoint = true,
            Permissions = 0x5FD,
            UserId = 1000,
            GroupId = 3000,
            FsOptions = options
        });

    private static void PutHugepages(PlacingBench bench) => bench.Files.Put(
        EmptyDir, HostFileKind.Directory, change: f =>
            f with { FsType = "hugetlbfs", IsMountPoint = true, FsOptions = ["rw", "pagesize=2M"] });
}
