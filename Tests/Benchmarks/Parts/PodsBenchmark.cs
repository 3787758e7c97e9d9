using System.Diagnostics;
using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>
/// Pods with a network, started at once: how long until all run, what memory each has, and where a pod's time goes.
/// </summary>
internal static class PodsBenchmark
{
    private static readonly int[] Counts = [1, 5, 10, 20];

    public static async Task RunAsync(Report report, int most)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        foreach (var count in Counts.Where(count => count <= most))
        {
            var (ours, oursEach) = await StartAsync(report, ShimKind.Ours, containerd, scratch, configuration, count);
            var (runcs, runcsEach) = await StartAsync(report, ShimKind.Runc, containerd, scratch, configuration, count);
            report.Row("pods", $"{count} at once: from the first shim's start until all run",
                string.Create(CultureInfo.InvariantCulture, $"{ours:0.0} s"),
                string.Create(CultureInfo.InvariantCulture, $"runc {runcs:0.00} s; {ours / count:0.0} s a pod"));
            report.Row("pods", $"{count} at once: memory of a pod (PSS of shim, VMM, virtiofsd)",
                string.Create(CultureInfo.InvariantCulture, $"{oursEach:0} MB"),
                string.Create(CultureInfo.InvariantCulture, $"runc {runcsEach:0} MB"));
            report.Progress($"pods: {count} of {most}");
        }
    }

    private static async Task<(double Seconds, double MegabytesEach)> StartAsync(
        Report report, ShimKind kind, Containerd containerd, Scratch scratch, string configuration, int count)
    {
        for (var number = 1; number <= count; number++)
            await PodNetwork.MakeAsync(number);
        var since = Stopwatch.GetTimestamp();
        var starting = Enumerable.Range(1, count).Select(
            number => BenchPod.StartAsync(kind, containerd, scratch, configuration, number, $"pods{count}")).ToList();
        try
        {
            await Task.WhenAll(starting);
            var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
            if (count == 1 && kind == ShimKind.Ours)
                TellPhases(report, (await starting[0]).Id);
            return (took, starting.Average(pod => ProcessFigures.TreePss(pod.Result.Shim.Pid)));
        }
        finally
        {
            foreach (var pod in starting.Where(pod => pod.IsCompletedSuccessfully))
                await pod.Result.DisposeAsync();
        }
    }

    private static void TellPhases(Report report, string id)
    {
        var timeline = Timeline.Read(id);
        report.Row("pods", "phases of one pod's Create: begin and duration",
            string.Join(", ", timeline.Names.Where(name => timeline.Took(name) >= 1).Select(name =>
                string.Create(
                    CultureInfo.InvariantCulture, $"{name} {timeline.Begin(name):0}+{timeline.Took(name):0} ms"))),
            "those of 1 ms and more");
    }
}
