using FluentAssertions;
using Grpc.Core;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Volumes as kubelet gives them.</summary>
public sealed class PodVolumeTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Volume_is_read_and_written_on_both_sides()
    {
        var volume = Host.NewVolume();
        await File.WriteAllTextAsync(Path.Combine(volume, "from-host"), "host\n");
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data")));

        (await Pod.ShellAsync(id,
            "cat /data/from-host; echo guest > /data/from-guest; mkdir /data/d && chmod 751 /data/d && chown 12:34 /data/d"))
            .Should().Be("host\n");
        (await File.ReadAllTextAsync(Path.Combine(volume, "from-guest"))).Should().Be("guest\n");
        Directory.Exists(Path.Combine(volume, "d")).Should().BeTrue();
        await File.WriteAllTextAsync(Path.Combine(volume, "later"), "later\n");
        await SeesAsync(id, "cat /data/later", "later\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Volume_that_is_read_only_cannot_be_written()
    {
        var volume = Host.NewVolume();
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data", m => m.Readonly = true)));

        (await Pod.ShellAsync(id, "touch /data/x 2>&1; true")).Should().Contain("Read-only file system");
        Directory.EnumerateFileSystemEntries(volume).Should().BeEmpty();
        await Pod.RemoveAsync(id);
    }

    /// <summary>As long as it is not asked for recursively, which not every containerd knows.</summary>
    [Fact]
    public async Task Volume_that_is_read_only_leaves_what_is_mounted_below_it_writable()
    {
        var volume = Host.NewVolume();
        var below = Path.Combine(volume, "below");
        Directory.CreateDirectory(below);
        (await Host.InsideAsync("mount", "-t", "tmpfs", "tmpfs", below)).Exited(0);
        try
        {
            var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data", m => m.Readonly = true)));

            (await Pod.ShellAsync(id, "touch /data/x 2>&1; touch /data/below/x && echo written"))
                .Should().Contain("Read-only file system").And.EndWith("written\n");
            (await Host.InsideAsync("ls", below)).Stdout.Should().Be("x\n");
            (await Host.InsideAsync("ls", volume)).Stdout.Should().Be("below\n");
            await Pod.RemoveAsync(id);
        }
        finally
        {
            await Host.InsideAsync("umount", "-l", below);
        }
    }

    [Fact]
    public async Task Volume_of_two_containers_is_one()
    {
        var volume = Host.NewVolume();
        var writer = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/out")));
        var reader = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/in", m => m.Readonly = true)));

        await Pod.ShellAsync(writer, "echo shared > /out/note");
        await SeesAsync(reader, "cat /in/note", "shared\n");

        await Pod.RemoveAsync(writer);
        (await Pod.ShellAsync(reader, "cat /in/note")).Should().Be("shared\n");
        await Pod.RemoveAsync(reader);
    }

    [Fact]
    public async Task Volume_that_is_one_file_is_that_file()
    {
        var volume = Host.NewVolume();
        var file = Path.Combine(volume, "settings");
        await File.WriteAllTextAsync(file, "first\n");
        var id = await Pod.StartAsync(
            c => c.Mounts.Add([Bind(file, "/etc/settings"), Bind(file, "/etc/fixed", m => m.Readonly = true)]));

        (await Pod.ShellAsync(id,
            "cat /etc/settings; echo second >> /etc/settings; (echo x > /etc/fixed) 2> /dev/null || echo fixed")).Should().Be("first\nfixed\n");
        (await File.ReadAllTextAsync(file)).Should().Be("first\nsecond\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Volume_in_the_form_of_a_config_map_shows_its_updates()
    {
        var volume = Host.NewVolume();
        Directory.CreateDirectory(Path.Combine(volume, "..v1"));
        await File.WriteAllTextAsync(Path.Combine(volume, "..v1", "colour"), "red\n");
        File.CreateSymbolicLink(Path.Combine(volume, "..data"), "..v1");
        File.CreateSymbolicLink(Path.Combine(volume, "colour"), "..data/colour");
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/config", m => m.Readonly = true)));
        (await Pod.ShellAsync(id, "cat /config/colour")).Should().Be("red\n");

        // As kubelet does it: a new folder, and the link to it replaced in one step.
        Directory.CreateDirectory(Path.Combine(volume, "..v2"));
        await File.WriteAllTextAsync(Path.Combine(volume, "..v2", "colour"), "blue\n");
        File.CreateSymbolicLink(Path.Combine(volume, "..data_tmp"), "..v2");
        (await Host.InsideAsync("mv", "-T", Path.Combine(volume, "..data_tmp"), Path.Combine(volume, "..data")))
            .Exited(0);
        Directory.Delete(Path.Combine(volume, "..v1"), recursive: true);

        await SeesAsync(id, "cat /config/colour", "blue\n");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Volume_on_a_file_system_in_memory_keeps_what_the_containers_write()
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", volume)).Exited(0);
        try
        {
            var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/cache")));
            (await Pod.ShellAsync(id,
                "head -c 1048576 /dev/urandom > /cache/a; cp /cache/a /cache/b; cmp /cache/a /cache/b && wc -c < /cache/b")).Should().Be("1048576\n");
            await Pod.RemoveAsync(id);
            var next = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/cache")));
            (await Pod.ShellAsync(next, "wc -c < /cache/b")).Should().Be("1048576\n");
            await Pod.RemoveAsync(next);
        }
        finally
        {
            (await Host.InsideAsync("umount", volume)).Exited(0);
        }
    }

    [Fact]
    public async Task Volume_that_is_mounted_over_an_images_folder_hides_it()
    {
        var volume = Host.NewVolume();
        await File.WriteAllTextAsync(Path.Combine(volume, "only"), "");
        (await Pod.RunToEndAsync(c => c.Mounts.Add(Bind(volume, "/etc")), "ls", "/etc")).Ok().Should().Contain("only")
            .And.NotContain("passwd");
    }

    [Fact]
    public async Task Volume_given_by_a_link_is_what_the_link_names()
    {
        var volume = Host.NewVolume();
        await File.WriteAllTextAsync(Path.Combine(volume, "note"), "here\n");
        var link = volume + "-link";
        File.CreateSymbolicLink(link, volume);

        (await Pod.RunToEndAsync(c => c.Mounts.Add(Bind(link, "/data")), "cat", "/data/note")).Ok()
            .Should().Be("here\n");
    }

    [Fact]
    public async Task Volume_whose_source_is_missing_is_made_as_kubelet_expects()
    {
        var missing = Path.Combine(Host.NewVolume(), "not", "yet");
        (await Pod.RunToEndAsync(c => c.Mounts.Add(Bind(missing, "/data")), "sh", "-c", "echo made > /data/x"))
            .ExitCode.Should().Be(0);
        File.Exists(Path.Combine(missing, "x")).Should().BeTrue();
    }

    [Fact]
    public async Task Mounts_that_appear_later_are_seen_where_propagation_is_asked()
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("mount", "--bind", volume, volume)).Exited(0);
        (await Host.InsideAsync("mount", "--make-rshared", volume)).Exited(0);
        Directory.CreateDirectory(Path.Combine(volume, "later"));
        try
        {
            var slave = await Pod.StartAsync(
                c =>
                    c.Mounts.Add(
                        Bind(volume, "/data", m => m.Propagation = MountPropagation.PropagationHostToContainer)));
            var alone = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/data")));

            (await Host.InsideAsync("mount", "-t", "tmpfs", "tmpfs", Path.Combine(volume, "later"))).Exited(0);
            (await Host.InsideAsync("touch", Path.Combine(volume, "later", "mounted"))).Exited(0);

            await SeesAsync(slave, "ls /data/later", "mounted\n");
            (await Pod.ShellAsync(alone, "ls /data/later")).Should().BeEmpty();
            (await Host.InsideAsync("umount", Path.Combine(volume, "later"))).Exited(0);
            await SeesAsync(slave, "ls /data/later", "");
            await Pod.RemoveAsync(slave);
            await Pod.RemoveAsync(alone);
        }
        finally
        {
            await Host.InsideAsync("umount", "-R", "-l", volume);
        }
    }

    [Fact]
    public async Task Files_of_the_pod_are_there_in_every_container()
    {
        (await Pod.ShellAsync(Container,
            "grep -q 127.0.0.1 /etc/hosts && echo hosts; [ -f /etc/resolv.conf ] && echo resolv; cmp /etc/hostname /proc/sys/kernel/hostname && echo name"))
            .Should().Be("hosts\nresolv\nname\n");
    }

    private static Mount Bind(string source, string target, Action<Mount>? change = null)
    {
        var mount = new Mount { HostPath = source, ContainerPath = target };
        change?.Invoke(mount);
        return mount;
    }

    // The guest's view of a host's file may be a moment old.
    private async Task SeesAsync(string container, string line, string expected)
    {
        var seen = "";
        await Until.TrueAsync(
            async () => (seen = (await Pod.ExecAsync(container, ["sh", "-c", line])).Stdout) == expected,
            TimeSpan.FromSeconds(15), () => $"`{line}` gives '{seen}' and not '{expected}'");
    }
}
