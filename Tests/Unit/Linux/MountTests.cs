using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class MountTests
{
    [RootFact]
    public void Bind_when_recursive_and_read_only_covers_submounts_and_keeps_their_flags()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch["source/sub"]);
        Directory.CreateDirectory(scratch["target"]);
        Mounts.Mount("tmpfs", scratch["source/sub"], "tmpfs", ["nosuid", "size=1m"]);

        Mounts.Bind(scratch["source"], scratch["target"], recursive: true, readOnly: true);

        var inTop = () => File.WriteAllText(scratch["target/x"], "");
        var inSub = () => File.WriteAllText(scratch["target/sub/x"], "");
        inTop.Should().Throw<IOException>();
        inSub.Should().Throw<IOException>();
        File.WriteAllText(scratch["source/sub/y"], "");
        MountInfo.Read().Single(mount => mount.MountPoint == scratch["target/sub"]).Options.Should().Contain("ro")
            .And.Contain("nosuid");
    }

    [RootFact]
    public void Mount_when_bind_words_have_flags_remounts_with_them()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch["s"]);
        Directory.CreateDirectory(scratch["t"]);

        Mounts.Mount(scratch["s"], scratch["t"], "bind", ["rbind", "ro", "nodev", "rprivate"]);

        MountInfo.Read().Single(mount => mount.MountPoint == scratch["t"]).Options.Split(',')
            .Should().Contain(["ro", "nodev"]);
        MountInfo.Read().Single(mount => mount.MountPoint == scratch["t"]).Propagation.Should().BeEmpty();
    }

    [RootFact]
    public void Unmount_tree_takes_stacked_and_nested_mounts_and_spares_neighbours()
    {
        using var scratch = new Scratch();
        foreach (var name in new[] { "a", "ab" })
        {
            Directory.CreateDirectory(scratch[name]);
            Mounts.Mount("tmpfs", scratch[name], "tmpfs");
        }
        Mounts.Mount("tmpfs", scratch["a"], "tmpfs");
        Directory.CreateDirectory(scratch["a/with space"]);
        Mounts.Mount("tmpfs", scratch["a/with space"], "tmpfs");

        var count = Mounts.UnmountTree(scratch["a"]);

        count.Should().Be(3);
        Mounts.IsMountPoint(scratch["a"]).Should().BeFalse();
        Mounts.IsMountPoint(scratch["ab"]).Should().BeTrue();
        Mounts.TryUnmount(scratch["a"]).Should().BeFalse();
        Mounts.TryUnmount(scratch["none"]).Should().BeFalse();
    }

    [RootFact]
    public void Unmount_when_the_path_is_a_link_does_not_follow_it()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch["m"]);
        Mounts.Mount("tmpfs", scratch["m"], "tmpfs");
        File.CreateSymbolicLink(scratch["l"], "m");

        Mounts.TryUnmount(scratch["l"]).Should().BeFalse();

        Mounts.IsMountPoint(scratch["m"]).Should().BeTrue();
    }

    [RootFact]
    public void Mount_when_data_is_longer_than_a_page_is_refused()
    {
        using var scratch = new Scratch();

        var mounting = () => Mounts.Mount("x", scratch.Root, "tmpfs", MountFlags.None, new string('a', 5000));

        mounting.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.E2BIG);
    }

    [RootFact]
    public async Task Overlay_when_its_options_are_longer_than_a_page_is_mounted()
    {
        using var scratch = new Scratch();
        Mounts.Mount("tmpfs", scratch.Root, "tmpfs");
        var lower = Enumerable.Range(0, 60).Select(i => scratch[$"{new string('d', 80)}/{i}"]).ToList();
        foreach (var directory in lower)
        {
            Directory.CreateDirectory(directory);
            File.WriteAllText(directory + "/" + Path.GetFileName(directory), "");
        }
        foreach (var name in new[] { "u", "w", "t" })
            Directory.CreateDirectory(scratch[name]);
        var before = Directory.GetCurrentDirectory();

        await Mounts.MountOverlayAsync(lower, scratch["u"], scratch["w"], scratch["t"]);

        Directory.GetFiles(scratch["t"]).Should().HaveCount(60);
        File.WriteAllText(scratch["t/new"], "");
        File.Exists(scratch["u/new"]).Should().BeTrue();
        Directory.GetCurrentDirectory().Should().Be(before);
    }

    [RootFact]
    public async Task Network_namespace_when_created_has_a_loopback_and_is_removed()
    {
        using var scratch = new Scratch();
        var path = scratch["net"];
        await Namespaces.CreateNetworkNamespaceAsync(path);

        var inside = Namespaces.RunInNetworkNamespace(path, () => File.ReadAllText("/proc/thread-self/net/dev"));
        var loopback = Namespaces.RunInNetworkNamespace(path, () =>
        {
            var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
            listener.Start();
            using var client = new System.Net.Sockets.TcpClient();
            client.Connect((System.Net.IPEndPoint)listener.LocalEndpoint);
            listener.Stop();
            return client.Connected;
        });

        inside.Split('\n').Skip(2).Where(line => line.Length > 0).Should().ContainSingle()
            .Which.Should().Contain("lo:");
        loopback.Should().BeTrue();
        Namespaces.Remove(path);
        Namespaces.Remove(path);
        File.Exists(path).Should().BeFalse();
    }

    [RootFact]
    public async Task Pool_threads_are_never_born_in_a_namespace_work_ran_in()
    {
        using var scratch = new Scratch();
        await Namespaces.CreateNetworkNamespaceAsync(scratch["net"]);
        var inode = $"net:[{FileStatus.Of(scratch["net"]).Inode}]";

        var seen = await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ =>
        {
            await Namespaces.RunInNetworkNamespaceAsync(scratch["net"], () => true);
            return new FileInfo("/proc/thread-self/ns/net").LinkTarget;
        }));

        seen.Should().NotContain(inode);
    }

    [RootFact]
    public async Task Tap_when_made_in_a_namespace_lives_as_long_as_its_descriptors()
    {
        using var scratch = new Scratch();
        await Namespaces.CreateNetworkNamespaceAsync(scratch["net"]);

        var queues = Namespaces.RunInNetworkNamespace(scratch["net"], () => TunTap.OpenTap("tap0_kata", queues: 2));

        string Devices() => Namespaces.RunInNetworkNamespace(
            scratch["net"], () => File.ReadAllText("/proc/thread-self/net/dev"));
        queues.Should().HaveCount(2);
        Devices().Should().Contain("tap0_kata:");
        foreach (var queue in queues)
            queue.Dispose();
        // A child on its way from fork to exec, spawned by another test, may hold copies a moment longer.
        using var limit = new CancellationTokenSource(Waits.Limit);
        while (Devices().Contains("tap0_kata:", StringComparison.Ordinal))
            limit.Token.ThrowIfCancellationRequested();
        var tooLong = () => TunTap.OpenTap("sixteen-letters-");
        tooLong.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.EINVAL);
    }

    [RootFact]
    public async Task Uts_namespace_when_created_keeps_its_host_name_apart()
    {
        using var scratch = new Scratch();
        var ours = Environment.MachineName;

        await Namespaces.CreateAsync(scratch["uts"], Namespaces.CLONE_NEWUTS, "in-the-pod");

        var theirs = await Namespaces.OnOwnThread(() =>
        {
            Namespaces.Enter(scratch["uts"], Namespaces.CLONE_NEWUTS);
            return File.ReadAllText("/proc/sys/kernel/hostname").Trim();
        });
        theirs.Should().Be("in-the-pod");
        File.ReadAllText("/proc/sys/kernel/hostname").Trim().Should().Be(ours);
    }

    [RootFact]
    public async Task Root_moves_to_a_mount_with_a_parent()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch["new"]);

        // Threads share their root until one unshares it; a mount namespace of its own is part of that.
        var seen = await Namespaces.OnOwnThread(() =>
        {
            Namespaces.Unshare(Namespaces.CLONE_NEWNS);
            Mounts.SetPropagation("/", MountFlags.MS_PRIVATE | MountFlags.MS_REC);
            Mounts.MoveRoot(scratch["new"], "/proc", "/dev");
            return (
                Mounts: MountInfo.Read(), Null: FileStatus.Of("/dev/null").IsCharacterDevice,
                Binary: File.Exists("/bin/sh"));
        });

        seen.Mounts.Should().Contain(mount => mount.MountPoint == "/proc" && mount.FileSystemType == "proc");
        seen.Null.Should().BeTrue();
        seen.Binary.Should().BeTrue();
        Directory.Exists(scratch["new/bin"]).Should().BeFalse();
    }

    [Fact]
    public void Cgroups_are_found_as_mounted()
    {
        var version = Cgroups.Detect();

        var types = MountInfo.Read().Select(mount => mount.FileSystemType).ToHashSet();
        version.Should().NotBe(CgroupVersion.None);
        (version is CgroupVersion.Hybrid or CgroupVersion.V1).Should().Be(types.Contains("cgroup"));
        if (version == CgroupVersion.Hybrid)
            Cgroups.Hierarchies().Keys.Should().Contain(["", "memory", "freezer"]);
    }
}
