using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>A container whose root is a file system on a block device, as block snapshotters give it.</summary>
public sealed class RootDiskTests(PrivateContainerd host) : EndToEndTest(host)
{
    [MachineFact]
    public async Task Root_on_a_block_device_is_mounted_in_the_guest_and_not_on_the_host()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Host.Directory, "root-disk")).FullName;
        var (image, tree) = (Path.Combine(folder, "disk.img"), Path.Combine(folder, "tree"));
        await Command.RunAsync("sh", ["-c",
            $"mkdir -p {tree}/bin {tree}/proc {tree}/dev {tree}/sys {tree}/etc {tree}/tmp && cp $(command -v busybox) {tree}/bin/ && for a in sh sleep cat echo sync; do ln -s busybox {tree}/bin/$a; done && truncate -s 16M {image} && mkfs.ext4 -q -F -d {tree} {image}"]);
        var loop = (await Host.InsideAsync("losetup", "-f", "--show", image)).Exited(0).Stdout.Trim();
        var id = Host.NewId("root-disk");
        using var tasks = new TasksApi(Host);
        (await Host.CtrAsync("containers", "create", "--runtime", TestSettings.Runtime, BusyboxImage.Name, id, "sleep", "1000")).Exited(0);

        await tasks.CreateAsync(id, ("ext4", loop, ["rw"]));
        await tasks.StartAsync(id);
        var seen = await Host.CtrAsync("task", "exec", "--exec-id", "x", id, "sh", "-c", "grep ' / ' /proc/mounts; echo written > /note; sync");
        var mounts = await Host.InsideAsync("cat", "/proc/mounts");
        await Host.CtrAsync("task", "kill", "-s", "SIGKILL", id);
        await Until.TrueAsync(async () => (await Host.CtrAsync("task", "delete", id)).ExitCode == 0, TimeSpan.FromSeconds(20), () => $"{id} is not deleted");
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);

        seen.Exited(0).Stdout.Should().MatchRegex("/dev/vd[a-z] / ext4");
        mounts.Stdout.Should().NotContain(loop);
        (await Host.InsideAsync("losetup", "-d", loop)).Exited(0);
        (await Command.RunAsync("debugfs", ["-R", "cat /note", image])).Exited(0).Stdout.Should().Be("written\n");
        Directory.Delete(folder, recursive: true);
    }
}
