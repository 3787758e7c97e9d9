using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>A container whose root is a file system on a block device, as block snapshotters give it.</summary>
[Trait("peers", "no")]
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
        (await Host.CtrAsync("containers", "create", "--runtime", TestSettings.Runtime, BusyboxImage.Name, id, "sleep",
            "1000")).Exited(0);

        await tasks.CreateAsync(id, ("ext4", loop, ["rw"]));
        await tasks.StartAsync(id);
        var seen = await Host.CtrAsync(
            "task", "exec", "--exec-id", "x", id, "sh", "-c", "grep ' / ' /proc/mounts; echo written > /note; sync");
        var mounts = await Host.InsideAsync("cat", "/proc/mounts");
        await Host.CtrAsync("task", "kill", "-s", "SIGKILL", id);
        await Until.TrueAsync(
            async () => (await Host.CtrAsync("task", "delete", id)).ExitCode == 0, TimeSpan.FromSeconds(20),
            () => $"{id} is not deleted");
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);

        seen.Exited(0).Stdout.Should().MatchRegex("/dev/vd[a-z] / ext4");
        mounts.Stdout.Should().NotContain(loop);
        (await Host.InsideAsync("losetup", "-d", loop)).Exited(0);
        (await Command.RunAsync("debugfs", ["-R", "cat /note", image])).Exited(0).Stdout.Should().Be("written\n");
        Directory.Delete(folder, recursive: true);
    }

    [MachineTheory]
    [InlineData("false", "pmem0")]
    [InlineData("true", "vda")]
    public async Task Image_of_the_guest_cannot_be_written_by_whoever_runs_in_it(string asDisk, string disk)
    {
        var image = Path.Combine(TestSettings.GuestDirectory, "rootfs.img");
        var before = await HashAsync(image);
        using var _ = Host.Configuration.With(
            ("hypervisor.qemu", "initrd", KataConfiguration.Text("")),
            ("hypervisor.qemu", "image", KataConfiguration.Text(image)),
            ("hypervisor.qemu", "disable_image_nvdimm", asDisk));

        // As root with every right, and with a node of its own for the guest's disk.
        var result = await Host.CtrAsync(
            PrivateContainerd.RunArguments(Host.NewId("image"), ["--rm", "--privileged"], "sh", "-c",
            $"mknod /disk b $(sed 's/:/ /' /sys/block/{disk}/dev) && dd if=/disk bs=4096 count=1 2> /dev/null | wc -c; echo x | dd of=/disk bs=4096 conv=sync,fsync 2> /dev/null && echo written || echo refused"));

        result.Exited(0).Stdout.Should().Be("4096\nrefused\n");
        (await HashAsync(image)).Should().Be(before);
    }

    private static async Task<string> HashAsync(string path)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexString(await System.Security.Cryptography.SHA256.HashDataAsync(file));
    }
}
