using System.Diagnostics;
using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>What further containers of a pod cost: time of each, and memory on the host.</summary>
internal static class ContainersBenchmark
{
    public static async Task RunAsync(Report report, int count)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        var ours = await MeasureAsync(report, ShimKind.Ours, containerd, scratch, configuration, count);
        var runcs = await MeasureAsync(report, ShimKind.Runc, containerd, scratch, configuration, count);
        foreach (var (what, from,
            to) in new[] { ("the 2nd", 2, 2), ("the 3rd to the 10th", 3, 10),
            ($"the last ten, up to the {count}th", count - 9, count) })
        {
            var (own, others) = (Median(ours.Times, from, to), Median(runcs.Times, from, to));
            report.Row("containers", $"Create and Start of {what} container of a pod", own.ToString(),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"runc {others.Median:0} ms, ours {own.Median / others.Median:0.0} times that"));
        }

        report.Row(
            "containers",
            $"memory on the host of one more (mean of {count - 1}; PSS of shim, VMM, virtiofsd, and runc's process)",
            string.Create(CultureInfo.InvariantCulture, $"{ours.Memory:0.0} MB"),
            string.Create(CultureInfo.InvariantCulture, $"runc {runcs.Memory:0.0} MB"));
    }

    private static async Task<(List<double> Times, double Memory)> MeasureAsync(
        Report report, ShimKind kind, Containerd containerd, Scratch scratch, string configuration, int count)
    {
        await using var pod = await BenchPod.StartAsync(kind, containerd, scratch, configuration, 1, "many");
        var before = ProcessFigures.TreePss(pod.Shim.Pid);
        var times = new List<double>();
        for (var number = 2; number <= count; number++)
        {
            var since = Stopwatch.GetTimestamp();
            await pod.AddAsync($"c{number}");
            times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
        }

        report.Progress($"containers: {kind.Name} has {count}");
        var memory = (ProcessFigures.TreePss(pod.Shim.Pid) - before) / (count - 1);
        for (var number = 2; number <= count; number++)
            await pod.RemoveAsync($"c{number}");
        return (times, memory);
    }

    private static Samples Median(List<double> times, int from, int to)
    {
        var samples = new Samples("ms", "0");
        foreach (var time in times.Skip(from - 2).Take(to - from + 1))
            samples.Add(time);
        return samples;
    }
}
