using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;
using Kata.Tests.TestHost;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>
/// Reading and writing in a container's root, which is shared by virtio-fs or a disk of its own, ours beside runc's.
/// </summary>
internal static class DiskBenchmark
{
    private const int Megabytes = 256;

    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        await MeasureAsync(report, containerd, scratch, configuration, rounds);
        if (await DiskAsync(scratch) is { } device)
        {
            try
            {
                await MeasureDiskAsync(report, containerd, scratch, configuration, device);
            }
            finally
            {
                await Command.RunAsync("losetup", ["-d", device]);
            }
        }
        else
        {
            report.Row("disk", "a disk as the root", "not measured", "this machine gives out no loop device");
        }
    }

    private static async Task MeasureAsync(
        Report report, Containerd containerd, Scratch scratch, string configuration, int rounds)
    {
        var writes = new[] { new Samples("MB/s", "0"), new Samples("MB/s", "0") };
        var reads = new[] { new Samples("MB/s", "0"), new Samples("MB/s", "0") };
        foreach (var (index, kind) in new[] { ShimKind.Ours, ShimKind.Runc }.Index())
        {
            await using var pod = await BenchPod.StartAsync(kind, containerd, scratch, configuration, 1, "disk");
            for (var round = 0; round < rounds; round++)
            {
                // In the host's cache, not in the guest's: what is measured is the way between them.
                var input = $"{pod.Root}/out/in-{index}-{round}";
                await File.WriteAllBytesAsync(input, new byte[Megabytes * 1024 * 1024]);
                reads[index].Add(
                    Megabytes / NetworkBenchmark.Seconds(
                        await pod.RunAsync(
                            $"read{round}",
                            $"busybox time -p busybox dd if=/out/{Path.GetFileName(input)} of=/dev/null bs=1M 2>$OUT")));
                writes[index].Add(
                    Megabytes / NetworkBenchmark.Seconds(
                        await pod.RunAsync(
                            $"write{round}",
                            $"busybox time -p busybox dd if=/dev/zero of=/out/written bs=1M count={Megabytes} conv=fsync 2>$OUT")));
                File.Delete(input);
                File.Delete($"{pod.Root}/out/written");
            }

            report.Progress($"disk: {kind.Name}, shared root");
        }

        Row(report, "virtio-fs: reading what the host has cached", reads[0], reads[1]);
        Row(report, "virtio-fs: writing, with fsync at the end", writes[0], writes[1]);
    }

    private static async Task MeasureDiskAsync(
        Report report, Containerd containerd, Scratch scratch, string configuration, string device)
    {
        var (writes, reads) = (new List<Samples>(), new List<Samples>());
        foreach (var kind in new[] { ShimKind.Ours, ShimKind.Runc })
        {
            await using var pod = await BenchPod.StartAsync(kind, containerd, scratch, configuration, 1, "block");
            var (read, write) = (new Samples("MB/s", "0"), new Samples("MB/s", "0"));
            await pod.AddAsync(
                "disk",
                $"PATH=/bin; busybox time -p busybox dd if=/dev/zero of=/f bs=1M count={Megabytes} conv=fsync 2>/w; busybox time -p busybox dd if=/in of=/dev/null bs=1M 2>/r; busybox sync",
                device);
            await pod.Shim.WaitAsync($"{pod.Id}-disk");
            await pod.Shim.DeleteAsync($"{pod.Id}-disk");
            await WithMountAsync(scratch, device, async root =>
            {
                write.Add(Megabytes / NetworkBenchmark.Seconds(await File.ReadAllTextAsync($"{root}/w")));
                read.Add(Megabytes / NetworkBenchmark.Seconds(await File.ReadAllTextAsync($"{root}/r")));
                File.Delete($"{root}/f");
            });
            writes.Add(write);
            reads.Add(read);
            report.Progress($"disk: {kind.Name}, disk as root");
        }

        Row(report, "a disk as the root (virtio-blk): reading", reads[0], reads[1]);
        Row(report, "a disk as the root (virtio-blk): writing, with fsync at the end", writes[0], writes[1]);
    }

    private static void Row(Report report, string what, Samples ours, Samples runcs) =>
        report.Row(
            "disk", what, ours.ToString(),
            string.Create(
                CultureInfo.InvariantCulture,
                $"runc {runcs.Median:0} MB/s; ours {ours.Median / runcs.Median:0.00} of it"));

    /// <summary>An ext4 with busybox on a loop device; null where there is none.</summary>
    private static async Task<string?> DiskAsync(Scratch scratch)
    {
        var image = scratch["disk.img"];
        await using (var file = File.Create(image))
            file.SetLength(3 * Megabytes * 1024L * 1024);
        (await Command.RunAsync("mkfs.ext4", ["-q", "-F", image])).Exited(0);
        var attached = await Command.RunAsync("losetup", ["-f", "--show", image]);
        if (attached.ExitCode != 0)
            return null;
        var device = attached.Stdout.Trim();
        await WithMountAsync(scratch, device, async root =>
        {
            foreach (var name in new[] { "bin", "dev", "proc", "sys", "tmp", "out" })
                Directory.CreateDirectory($"{root}/{name}");
            File.Copy(new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists), $"{root}/bin/busybox");
            await File.WriteAllBytesAsync($"{root}/in", new byte[Megabytes * 1024 * 1024]);
        });
        return device;
    }

    private static async Task WithMountAsync(Scratch scratch, string device, Func<string, Task> use)
    {
        var root = scratch["mounted"];
        Directory.CreateDirectory(root);
        (await Command.RunAsync("busybox", ["mount", "-t", "ext4", device, root])).Exited(0);
        try
        {
            await use(root);
        }
        finally
        {
            (await Command.RunAsync("busybox", ["umount", root])).Exited(0);
        }
    }
}
