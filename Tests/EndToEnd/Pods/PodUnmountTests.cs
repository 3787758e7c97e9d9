using System.Globalization;
using FluentAssertions;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.EndToEnd.Programs;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>
/// What the host takes back of a volume while a container has it: it need not wait for the container's end.
/// </summary>
[Trait("peers", "no")]
public sealed class PodUnmountTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    /// <summary>As a storage plugin unmounts a volume, and then wants its disk.</summary>
    [Theory]
    [InlineData("nothing", "true")]
    [InlineData("its folder", "ls -l /data")]
    [InlineData("a file in it", "cat /data/disk/file")]
    public async Task Unmount_below_a_volume_that_a_container_has_looked_at_frees_the_disk_within_two_seconds(
        string what, string look)
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("mount", "--bind", volume, volume)).Exited(0);
        (await Host.InsideAsync("mount", "--make-rshared", volume)).Exited(0);
        var place = Directory.CreateDirectory(Path.Combine(volume, "disk")).FullName;
        var image = Path.Combine(Host.NewVolume(), "disk");
        await using (var file = File.Create(image))
            file.SetLength(8 << 20);
        (await Host.InsideAsync("mkfs.ext4", "-q", "-O", "^has_journal", image)).Exited(0);
        var loop = (await Host.InsideAsync("losetup", "-f", "--show", image)).Exited(0).Stdout.Trim();
        try
        {
            var id = await Pod.StartAsync(c => c.Mounts.Add(FromHost(volume)));
            (await Host.InsideAsync("mount", loop, place)).Exited(0);
            (await Host.InsideAsync("sh", "-c", $"echo content > {place}/file")).Exited(0);
            await Until.TrueAsync(
                async () => await MountsOfAsync(loop) > 1, Soon, () => "the mount does not come into the share");
            if (look.StartsWith("cat", StringComparison.Ordinal))
                await SeesAsync(id, look, "content\n");
            else
                await Pod.ShellAsync(id, look);

            (await Host.InsideAsync("umount", place)).Exited(0);

            await Until.TrueAsync(
                () => !IsInUse(loop), Soon, () => $"the disk is in use when a container has looked at {what}");
            await SeesAsync(id, "ls /data/disk", "");
            await Pod.RemoveAsync(id);
        }
        finally
        {
            await Host.InsideAsync("umount", "-R", "-l", volume);
            (await Host.InsideAsync("losetup", "-d", loop)).Exited(0);
        }
    }

    /// <summary>A daemon that keeps files open does so until the guest has looked up their names again.</summary>
    [Fact]
    public async Task Room_of_a_file_that_a_container_has_read_comes_back_when_the_host_deletes_it()
    {
        var volume = Host.NewVolume();
        (await Host.InsideAsync("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", volume)).Exited(0);
        try
        {
            (await Host.InsideAsync("sh", "-c", $"head -c 8000000 /dev/zero > {volume}/big")).Exited(0);
            var id = await Pod.StartAsync(c => c.Mounts.Add(FromHost(volume)));
            (await Pod.ShellAsync(id, "wc -c < /data/big")).Should().Be("8000000\n");

            (await Host.InsideAsync("rm", $"{volume}/big")).Exited(0);

            if (!HasFileHandles())
                await SeesAsync(id, "test -e /data/big || echo gone", "gone\n");
            await Until.TrueAsync(async () => await UsedAsync(volume) < 1000, Soon, () => "the room stays taken");
            await Pod.RemoveAsync(id);
        }
        finally
        {
            await Host.InsideAsync("umount", "-l", volume);
        }
    }

    private static Mount FromHost(string volume) =>
        new() { HostPath = volume, ContainerPath = "/data", Propagation = MountPropagation.PropagationHostToContainer };

    /// <summary>QEMU's keeps files open.</summary>
    private static bool HasFileHandles() => !KataConfiguration.Virtiofsd().Contains("/qemu/", StringComparison.Ordinal);

    /// <summary>Whether the kernel has the filesystem, mounted somewhere or not.</summary>
    private static bool IsInUse(string loop) => Directory.Exists($"/proc/fs/ext4/{Path.GetFileName(loop)}");

    private async Task<int> MountsOfAsync(string loop) =>
        (await Host.InsideAsync("cat", "/proc/self/mountinfo")).Stdout.Split('\n')
            .Count(line => line.Contains($" - ext4 {loop} ", StringComparison.Ordinal));

    private async Task<int> UsedAsync(string volume) =>
        int.Parse(
            (await Host.InsideAsync("df", "-k", "--output=used", volume)).Exited(0).Stdout.Split('\n')[1],
            NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);

    private async Task SeesAsync(string container, string line, string expected)
    {
        var seen = "";
        await Until.TrueAsync(
            async () => (seen = (await Pod.ExecAsync(container, ["sh", "-c", line])).Stdout) == expected,
            TimeSpan.FromSeconds(15), () => $"`{line}` gives '{seen}' and not '{expected}'");
    }
}
