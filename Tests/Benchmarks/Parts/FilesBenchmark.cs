using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>
/// What a container's root on virtio-fs gives with the file daemon that comes along, beside QEMU's of Debian 12.
/// </summary>
internal static class FilesBenchmark
{
    private const int Megabytes = 128;
    private const int Files = 1000;
    private const string Create = ": > /out/many/$i; i=$((i+1))";
    private const string QemusDaemon = "/usr/lib/qemu/virtiofsd";

    /// <summary>
    /// A kind of work: its script and how much of its unit that does, in requests to the daemon if it is no throughput.
    /// </summary>
    private static readonly (string What, string Unit, string Script, double Amount)[] Works =
    [
        ("writing, with fsync at the end", "MB/s", $"dd if=/dev/zero of=/out/big bs=1M count={Megabytes} conv=fsync",
            Megabytes),
        // Its pages have left the guest with the caches that are dropped before.
        ("reading what the host has cached", "MB/s", "dd if=/out/big of=/dev/null bs=1M", Megabytes),
        ("writing 4 KiB at a time", "/s", $"dd if=/dev/zero of=/out/small bs=4k count={Files}", Files),
        ("creating files", "/s", $"sh -c 'busybox mkdir /out/many; i=0; while [ $i -lt {Files} ]; do {Create}; done'",
            Files),
        ("asking for the attributes of files of a folder", "/s", "ls -l /out/many", Files),
        ("removing files", "/s", "rm -r /out/many", Files),
    ];

    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        await using var containerd = await Containerd.StartAsync();
        var along = await MeasureAsync(report, containerd, scratch, ShimConfiguration.Daemon, "along", rounds);
        var qemus = File.Exists(QemusDaemon)
            ? await MeasureAsync(report, containerd, scratch, QemusDaemon, "qemus", rounds)
            : null;
        foreach (var (index, (what, unit, _, _)) in Works.Index())
            report.Row(
                "files", what, along[index].ToString(), qemus is null ? "" : Beside(along[index], qemus[index], unit));
    }

    private static string Beside(Samples along, Samples qemus, string unit) => string.Create(
        CultureInfo.InvariantCulture,
        $"QEMU's {qemus.Median:0} {unit}; that along {along.Median / qemus.Median:0.00} of it");

    private static async Task<Samples[]> MeasureAsync(
        Report report, Containerd containerd, Scratch scratch, string daemon, string name, int rounds)
    {
        var configuration = ShimConfiguration.Write(scratch[$"{name}.toml"], daemon);
        Samples[] samples = [.. Works.Select(work => new Samples(work.Unit, "0"))];
        await using var pod = await BenchPod.StartAsync(ShimKind.Ours, containerd, scratch, configuration, 1, name);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var (index, (_, _, script, amount)) in Works.Index())
            {
                // A container's own end leaves the guest's caches as they are.
                var output = await pod.RunAsync(
                    $"{index}-{round}",
                    $"busybox sync; echo 3 > /proc/sys/vm/drop_caches; busybox time -p busybox {script} 2>$OUT >/dev/null");
                samples[index].Add(amount / NetworkBenchmark.Seconds(output));
            }
        }

        report.Progress($"files: {daemon}");
        return samples;
    }
}
