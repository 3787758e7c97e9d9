using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Programs;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>
/// Files as Linux has them: filesystems that are told apart, extended attributes, capabilities of files, lists of
/// access. What one container of a machine sees, and what the host has of it.
/// </summary>
[Trait("peers", "no")]
public sealed class PodFileTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    // struct vfs_cap_data, revision 2, permitted and effective: cap_net_raw, number 13.
    private const string NetRaw = "0100000200200000000000000000000000000000";
    private const string NetRawAlone = "CapEff:\t0000000000002000\n";

    // struct posix_acl_xattr: the owner reads and writes, user 1000 (0x3e8) reads, nobody else does anything.
    private const string ReadableFor1000 =
        "02000000" + "01000600ffffffff" + "02000400e8030000" + "04000000ffffffff" + "10000400ffffffff"
            + "20000000ffffffff";

    /// <summary>
    /// Two fresh filesystems give the same numbers to their files, by which cp and tar take them for one file.
    /// </summary>
    [Fact]
    public async Task Volumes_of_two_filesystems_are_two_filesystems()
    {
        var (a, b) = (Host.NewVolume(), Host.NewVolume());
        await using var first = await MountAsync("tmpfs", a, "size=8m");
        await using var second = await MountAsync("tmpfs", b, "size=16m");
        await File.WriteAllTextAsync(Outside(a, "note"), "of a\n");
        await File.WriteAllTextAsync(Outside(b, "note"), "of b\n");
        var id = await Pod.StartAsync(c => c.Mounts.Add([Bind(a, "/va"), Bind(b, "/vb")]));

        var numbers = (await Pod.ShellAsync(id, "stat -c %i /va/note /vb/note; stat -c %d / /va /vb")).Split('\n');
        var archived = await Pod.ShellAsync(
            id, "tar -cf /tmp/both.tar /va/note /vb/note 2> /dev/null; tar -xOf /tmp/both.tar");
        var copied = await Pod.ShellAsync(id, "cp /va/note /vb/note && cat /vb/note");
        var sizes = await Pod.ShellAsync(id, "df -k /va /vb | awk 'NR > 1 { print $2 }'");
        await Pod.RemoveAsync(id);

        numbers[0].Should().Be(numbers[1], "else the programs below were never in doubt");
        numbers[2..5].Should().OnlyHaveUniqueItems();
        archived.Should().Be("of a\nof b\n");
        copied.Should().Be("of a\n");
        sizes.Should().Be("8192\n16384\n");
    }

    [Fact]
    public async Task Filesystem_below_a_volume_is_another_than_the_volumes()
    {
        var volume = Host.NewVolume();
        var below = Path.Combine(volume, "below");
        Directory.CreateDirectory(below);
        await using var mounted = await MountAsync("tmpfs", below, "size=4m");
        await File.WriteAllTextAsync(Outside(below, "inner"), "");
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data")));

        (await Pod.ShellAsync(id,
            "ls /data/below; stat -c %d /data /data/below | uniq | wc -l; df -k /data/below | awk 'NR == 2 { print $2 }'"))
            .Should().Be("inner\n2\n4096\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Capability_of_a_file_is_had_by_who_runs_it_without_being_root()
    {
        var volume = Host.NewVolume();
        var xattr = await TestPrograms.BuildAsync("xattr", volume);
        var program = Path.Combine(volume, "busybox");
        File.Copy("/bin/busybox", program);
        (await Host.InsideAsync(xattr, "set", program, "security.capability", NetRaw)).Exited(0);

        var ran = await Pod.RunToEndAsync(c =>
        {
            c.Mounts.Add(Bind(volume, "/data"));
            c.Linux.SecurityContext.RunAsUser = new Int64Value { Value = 1000 };
        }, "/data/busybox", "grep", "CapEff", "/proc/self/status");

        ran.Ok().Should().Be(NetRawAlone);
    }

    [Fact]
    public async Task Capability_that_a_container_gives_a_file_counts_until_the_file_is_written()
    {
        var volume = Host.NewVolume();
        await TestPrograms.BuildAsync("xattr", volume);
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/tool")));

        foreach (var folder in new[] { "/root-of-its-own", "/tool" })
        {
            var file = $"{folder}/busybox";
            var given = await Pod.ShellAsync(id,
                $"mkdir -p {folder} && cp /bin/busybox {file} && /tool/xattr set {file} security.capability {NetRaw} && su web -s /bin/sh -c '{file} grep CapEff /proc/self/status'");
            var written = await Pod.ShellAsync(
                id,
                $"echo >> {file}; /tool/xattr get {file} security.capability; su web -s /bin/sh -c '{file} grep CapEff /proc/self/status'");

            given.Should().Be(NetRawAlone, folder);
            written.Should().Be("No data available\nCapEff:\t0000000000000000\n", folder);
        }

        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Attributes_of_a_file_are_the_same_on_both_sides()
    {
        var volume = Host.NewVolume();
        var xattr = await TestPrograms.BuildAsync("xattr", volume);
        var file = Path.Combine(volume, "note");
        await File.WriteAllTextAsync(file, "");
        (await Host.InsideAsync(xattr, "set", file, "user.host", "0102ff")).Exited(0);
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data")));

        var inside = await Pod.ShellAsync(id,
            "cd /data; ./xattr get note user.host; ./xattr set note user.guest 00aa; ./xattr list note | sort; ./xattr remove note user.host; ./xattr get note user.host; true");
        // Overlays and others keep notes for the kernel alone in these.
        var trusted = await Pod.ShellAsync(id, "cd /data; ./xattr set note trusted.overlay.opaque 79; true");
        await Pod.RemoveAsync(id);

        inside.Should().Be("0102ff\nuser.guest\nuser.host\nNo data available\n");
        trusted.Should().Be("Operation not permitted\n");
        (await Host.InsideAsync(xattr, "list", file)).Stdout.Should().Be("user.guest\n");
        (await Host.InsideAsync(xattr, "get", file, "user.guest")).Stdout.Should().Be("00aa\n");
    }

    /// <summary>
    /// The group is known to whoever makes the file: the guest's kernel and the file daemon must both hand it on.
    /// </summary>
    [Fact]
    [Trait("needs", "newest")]
    public async Task Folder_that_is_open_to_a_supplementary_group_takes_files_of_its_members()
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("chown", "0:7777", volume)).Exited(0);
        (await Host.InsideAsync("chmod", "2770", volume)).Exited(0);

        var ran = await Pod.RunToEndAsync(c =>
        {
            c.Mounts.Add(Bind(volume, "/data"));
            (c.Linux.SecurityContext.RunAsUser, c.Linux.SecurityContext.RunAsGroup) = (
                new Int64Value { Value = 1234 }, new Int64Value { Value = 4321 });
            c.Linux.SecurityContext.SupplementalGroups.Add(7777);
        }, "sh", "-c", "cd /data && echo mine > note && mkdir folder && stat -c '%u %g %a' note folder && mv note folder/ && rm folder/note");

        ran.Ok().Should().Be("1234 7777 644\n1234 7777 2755\n");
    }

    /// <summary>
    /// For those who need them more than filesystems that are told apart: the guest's kernel gives the one or the
    /// other.
    /// </summary>
    [Fact]
    public async Task Access_lists_count_for_the_users_whom_they_name_where_they_are_asked_for()
    {
        var volume = Host.NewVolume();
        var xattr = await TestPrograms.BuildAsync("xattr", volume);
        var files = Host.NewVolume();
        await using var mounted = await MountAsync("tmpfs", files, "");
        await File.WriteAllTextAsync(Outside(files, "secret"), "told\n");
        File.SetUnixFileMode(Outside(files, "secret"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await Host.InsideAsync(xattr, "set", Path.Combine(files, "secret"), "system.posix_acl_access",
            ReadableFor1000)).Exited(0);
        using var _ = Host.Configuration.With(
            ("hypervisor.qemu", "virtio_fs_extra_args", """["--posix-acl", "--no-announce-submounts"]"""));
        await using var pod = await Pod.RunAsync(Host);
        var id = await pod.StartAsync(c => c.Mounts.Add([Bind(files, "/lists"), Bind(volume, "/tool")]));

        var web = await pod.ShellAsync(
            id, "su web -s /bin/sh -c 'cat /lists/secret; echo >> /lists/secret' 2>&1; true");
        var nobody = await pod.ShellAsync(id, "su nobody -s /bin/sh -c 'cat /lists/secret' 2>&1; true");
        var given = await pod.ShellAsync(id,
            $"umask 027; mkdir /lists/d && /tool/xattr set /lists/d system.posix_acl_default {ReadableFor1000} && echo hers > /lists/d/made && chmod 755 /lists/d; su web -s /bin/sh -c 'cat /lists/d/made'");

        web.Should().StartWith("told\n").And.EndWith("Permission denied\n");
        nobody.Should().Be("cat: can't open '/lists/secret': Permission denied\n");
        given.Should().Be("hers\n");
    }

    /// <summary>As NFS has none that a server of files could read.</summary>
    [Fact]
    public async Task Volume_of_a_filesystem_without_access_lists_goes_by_modes()
    {
        var volume = Host.NewVolume();
        await using var mounted = await MountAsync("ramfs", volume, "");
        Directory.CreateDirectory(Outside(volume, "open"));
        File.SetUnixFileMode(Outside(volume, "open"), (UnixFileMode)0b111_111_111);
        File.SetUnixFileMode(Outside(volume, ""), (UnixFileMode)0b111_111_111);
        await File.WriteAllTextAsync(Outside(volume, "open/note"), "read\n");
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data")));

        var seen = await Pod.ShellAsync(
            id,
            "su web -s /bin/sh -c 'cat /data/open/note && echo made > /data/open/new && cat /data/open/new && mkdir /data/open/d && ls /data/open' 2>&1; true");
        await Pod.RemoveAsync(id);

        seen.Should().Be("read\nmade\nd\nnew\nnote\n");
    }

    private static Mount Bind(string source, string target) => new() { HostPath = source, ContainerPath = target };

    /// <summary>What a file of the private host, whose mounts are its own, is called from here.</summary>
    private string Outside(string volume, string file) => Host.Seen(Path.Combine(volume, file));

    private async Task<IAsyncDisposable> MountAsync(string type, string path, string options)
    {
        Directory.CreateDirectory(path);
        (await Host.InsideAsync("mount", "-t", type, "-o", options.Length > 0 ? $"rw,{options}" : "rw", type, path))
            .Exited(0);
        return new Unmounting(async () => await Host.InsideAsync("umount", "-l", path));
    }

    private sealed class Unmounting(Func<Task> unmount) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await unmount();
    }
}
