using System.Globalization;
using System.Text.Json;
using FluentAssertions;
using Grpc.Core;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Volumes that are not shared: disks of the machine, and what the guest makes for itself.</summary>
public sealed class PodBlockTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    private const int Mebibyte = 1 << 20;

    [MachineFact]
    public async Task Block_volume_is_written_by_the_container_and_leaves_the_machine_with_it()
    {
        var (image, loop) = await NewDiskAsync();
        var id = await Pod.StartAsync(
            c => c.Devices.Add(new Device { HostPath = loop, ContainerPath = "/dev/xvda", Permissions = "rwm" }));

        (await Pod.ShellAsync(id,
            "[ -b /dev/xvda ] && echo block volume | dd of=/dev/xvda bs=512 conv=sync,fsync 2> /dev/null && blockdev --getsize64 /dev/xvda"))
            .Should().Be((8 * Mebibyte).ToString(CultureInfo.InvariantCulture) + "\n");
        (await QemuHoldsAsync(loop)).Should().BeTrue();
        await Pod.RemoveAsync(id);

        (await QemuHoldsAsync(loop)).Should().BeFalse("the disk goes with its only container");
        (await Host.InsideAsync("losetup", "-d", loop)).Exited(0);
        (await File.ReadAllTextAsync(image))[..12].Should().Be("block volume");
    }

    [MachineFact]
    public async Task Block_volume_that_is_read_only_cannot_be_written_by_whoever_tries()
    {
        var (image, loop) = await NewDiskAsync();
        var first = await Pod.StartAsync(
            c => c.Devices.Add(new Device { HostPath = loop, ContainerPath = "/dev/xvda", Permissions = "r" }));
        var second = await Pod.StartAsync(
            c => c.Devices.Add(new Device { HostPath = loop, ContainerPath = "/dev/again", Permissions = "r" }));

        (await Pod.ExecAsync(first, ["sh", "-c", "echo x | dd of=/dev/xvda bs=512 conv=sync,fsync"]))
            .ExitCode.Should().NotBe(0);
        (await Pod.ShellAsync(second, "dd if=/dev/again bs=512 count=1 2> /dev/null | wc -c")).Should().Be("512\n");

        await Pod.RemoveAsync(first);
        (await Pod.ShellAsync(second, "dd if=/dev/again bs=512 count=1 2> /dev/null | wc -c")).Should().Be("512\n");
        await Pod.RemoveAsync(second);
        (await Host.InsideAsync("losetup", "-d", loop)).Exited(0);
        (await File.ReadAllBytesAsync(image)).Should().OnlyContain(b => b == 0);
    }

    [MachineFact]
    [Trait("peers", "no")]
    public async Task Direct_volume_is_mounted_by_the_guest_and_survives_the_container()
    {
        var image = await NewImageAsync();
        (await Command.RunAsync("mkfs.ext4", ["-q", "-F", image])).Exited(0);
        var path = Host.NewVolume();
        var info = $$"""{"volume-type":"block","device":"{{image}}","fstype":"ext4","metadata":{"fsGroup":"3000"},"options":["noatime"]}""";
        (await Host.InsideAsync("kata-runtime", "direct-volume", "add", "--volume-path", path, "--mount-info", info))
            .Exited(0);

        var writer = await Pod.StartAsync(c => c.Mounts.Add(Bind(path, "/data")));
        (await Pod.ShellAsync(writer,
            "echo direct > /data/note; stat -c %g /data; grep ' /data ' /proc/mounts | cut -d' ' -f3")).Should().Be("3000\next4\n");
        (await Host.InsideAsync("kata-runtime", "direct-volume", "resize", "--volume-path", path, "--size",
            (16 * Mebibyte).ToString(CultureInfo.InvariantCulture))).Exited(0);
        var usage = (await Host.InsideAsync("kata-runtime", "direct-volume", "stats", "--volume-path", path)).Exited(0)
            .Stdout;
        using (var document = JsonDocument.Parse(usage))
            document.RootElement.GetProperty("usage")[0].GetProperty("total").GetInt64()
                .Should().BeGreaterThan(9 * Mebibyte);
        await Pod.RemoveAsync(writer);
        var reader = await Pod.StartAsync(c => c.Mounts.Add(Bind(path, "/in", m => m.Readonly = true)));
        (await Pod.ShellAsync(reader, "cat /in/note; touch /in/x 2> /dev/null || echo read-only"))
            .Should().Be("direct\nread-only\n");
        await Pod.RemoveAsync(reader);

        Directory.EnumerateFileSystemEntries(path).Should().BeEmpty("the host never mounts it");
        (await Host.InsideAsync("kata-runtime", "direct-volume", "remove", "--volume-path", path)).Exited(0);
        (await Host.InsideAsync("rmdir", "/run/kata-containers/shared/direct-volumes")).Exited(0);
        (await Command.RunAsync("debugfs", ["-R", "cat /note", image])).Exited(0).Stdout.Should().Be("direct\n");
    }

    [MachineFact]
    public async Task EmptyDir_in_memory_is_one_of_the_guests_for_all_containers_of_the_pod()
    {
        var volume = Path.Combine(Host.NewVolume(), "volumes/kubernetes.io~empty-dir/cache");
        Directory.CreateDirectory(volume);
        (await Host.InsideAsync("mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", volume)).Exited(0);
        try
        {
            var writer = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/cache")));
            var reader = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/cache")));

            (await Pod.ShellAsync(writer, "echo in memory > /cache/note; df -m /cache | tail -1 | awk '{print $2}'"))
                .Should().Be("8\n");
            (await Pod.ShellAsync(reader, "cat /cache/note; grep ' /cache ' /proc/mounts | cut -d' ' -f3"))
                .Should().Be("in memory\ntmpfs\n");
            (await Host.InsideAsync("ls", volume)).Exited(0).Stdout.Should().BeEmpty();

            await Pod.RemoveAsync(writer);
            (await Pod.ShellAsync(reader, "cat /cache/note")).Should().Be("in memory\n");
            await Pod.RemoveAsync(reader);
        }
        finally
        {
            (await Host.InsideAsync("umount", volume)).Exited(0);
        }
    }

    /// <summary>
    /// The folders as kubelet makes and binds them for a subPath, in a tmpfs of its own that no container sees.
    /// </summary>
    [MachineFact]
    [Trait("peers", "no")]
    public async Task Parts_of_an_emptyDir_in_memory_are_of_the_guests_and_no_link_leads_out_of_it()
    {
        var pod = Host.NewVolume();
        var volume = Path.Combine(pod, "volumes/kubernetes.io~empty-dir/parts");
        string[] parts = ["logs", "app.log", "x"];
        var places = parts.Select((part, number) => Path.Combine(pod, "volume-subpaths/parts/main", $"{number}"))
            .ToArray();
        Directory.CreateDirectory(volume);
        Directory.CreateDirectory(Path.GetDirectoryName(places[0])!);
        (await Host.InsideAsync("mount", "-t", "tmpfs", "-o", "size=8m,mode=2775,gid=3000", "tmpfs", volume)).Exited(0);
        foreach (var (part, place) in parts.Zip(places))
        {
            var make = part == "app.log" ? "touch" : "mkdir";
            (await Host.InsideAsync("sh", "-c",
                $"{make} {volume}/{part} {place} && mount --bind {volume}/{part} {place}")).Exited(0);
        }

        try
        {
            var writer = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/cache")));
            (await Pod.ShellAsync(writer, "stat -c '%a %u %g' /cache; ln -s / /cache/x; echo one > /cache/app.log"))
                .Should().Be("2775 0 3000\n");

            var other = await Pod.StartAsync(
                c => c.Mounts.Add([Bind(places[0], "/logs"), Bind(places[1], "/app.log", m => m.Readonly = true)]));
            await Pod.ShellAsync(writer, "echo two >> /cache/app.log");
            (await Pod.ShellAsync(other, "cat /app.log; echo mine > /logs/note; stat -c '%a %g' /logs"))
                .Should().Be("one\ntwo\n2755 3000\n");
            (await Pod.ShellAsync(writer, "cat /cache/logs/note")).Should().Be("mine\n");

            var config = Pod.NewContainer();
            config.Mounts.Add(Bind(places[2], "/out"));
            var thief = await Pod.CreateAsync(config);
            (await FluentActions.Awaiting(() => Pod.StartAsync(thief)).Should().ThrowAsync<Grpc.Core.RpcException>())
                .Which.Status.Detail.Should().Contain("leads through a link");
            (await Host.InsideAsync("find", "/run/kata-containers/shared/sandboxes", "-maxdepth", "3", "-name",
                $"{thief}-*")).Stdout.Should().BeEmpty();

            foreach (var id in new[] { thief, other, writer })
                await Pod.RemoveAsync(id);
        }
        finally
        {
            foreach (var place in places)
                (await Host.InsideAsync("umount", place)).Exited(0);
            (await Host.InsideAsync("umount", volume)).Exited(0);
        }
    }

    [Fact]
    public async Task ConfigMap_when_kubelet_renews_it_is_seen_in_the_guest()
    {
        var volume = Path.Combine(Host.NewVolume(), "volumes/kubernetes.io~configmap/settings");
        Directory.CreateDirectory(Path.Combine(volume, "..v1"));
        await File.WriteAllTextAsync(Path.Combine(volume, "..v1", "colour"), "red\n");
        File.CreateSymbolicLink(Path.Combine(volume, "..data"), "..v1");
        File.CreateSymbolicLink(Path.Combine(volume, "colour"), "..data/colour");
        var id = await Pod.StartAsync(c => c.Mounts.Add(Bind(volume, "/config", m => m.Readonly = true)));
        (await Pod.ShellAsync(id, "cat /config/colour; touch /config/x 2> /dev/null || echo read-only"))
            .Should().Be("red\nread-only\n");

        Directory.CreateDirectory(Path.Combine(volume, "..v2"));
        await File.WriteAllTextAsync(Path.Combine(volume, "..v2", "colour"), "blue\n");
        File.CreateSymbolicLink(Path.Combine(volume, "..data_tmp"), "..v2");
        (await Host.InsideAsync("mv", "-T", Path.Combine(volume, "..data_tmp"), Path.Combine(volume, "..data")))
            .Exited(0);
        Directory.Delete(Path.Combine(volume, "..v1"), recursive: true);

        var seen = "";
        await Until.TrueAsync(
            async () => (seen = (await Pod.ExecAsync(id, ["cat", "/config/colour"])).Stdout) == "blue\n",
            TimeSpan.FromSeconds(15), () => $"still {seen}");
        await Pod.RemoveAsync(id);
    }

    [MachineFact]
    public async Task Volume_that_cannot_reach_a_guest_is_refused_by_name_and_harms_nobody()
    {
        var socket = Path.Combine(Host.NewVolume(), "s");
        using (var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix,
            System.Net.Sockets.SocketType.Stream, 0))
        {
            listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(socket));
            var config = Pod.NewContainer();
            config.Mounts.Add(Bind(socket, "/var/run/app.sock"));
            var id = await Pod.CreateAsync(config);

            var refusal = await FluentActions.Awaiting(() => Pod.StartAsync(id)).Should().ThrowAsync<RpcException>();
            refusal.Which.Status.Detail.Should().Contain("/var/run/app.sock").And.Contain("socket of the host");
            await Pod.RemoveAsync(id);
        }

        (await Pod.ShellAsync(Container, "echo unharmed")).Should().Be("unharmed\n");
    }

    private static Mount Bind(string source, string target, Action<Mount>? change = null)
    {
        var mount = new Mount { HostPath = source, ContainerPath = target };
        change?.Invoke(mount);
        return mount;
    }

    private async Task<string> NewImageAsync()
    {
        var image = Path.Combine(Host.NewVolume(), "disk.img");
        await using var file = File.Create(image);
        file.SetLength(8 * Mebibyte);
        return image;
    }

    private async Task<(string Image, string Loop)> NewDiskAsync()
    {
        var image = await NewImageAsync();
        return (image, (await Host.InsideAsync("losetup", "-f", "--show", image)).Exited(0).Stdout.Trim());
    }

    // What holds it is QEMU alone: no file system of the host is on it.
    private async Task<bool> QemuHoldsAsync(string device) =>
        (await Host.InsideAsync("sh", "-c",
            $"for p in $(pgrep -f qemu-system); do ls -l /proc/$p/fd; done 2> /dev/null | grep -q '{device}$'")).ExitCode == 0;
}
