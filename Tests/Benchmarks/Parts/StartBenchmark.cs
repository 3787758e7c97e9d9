using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary><c>start</c>, from its execution to the address, of both shims in turn.</summary>
internal static class StartBenchmark
{
    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        await using var containerd = await Containerd.StartAsync();
        ShimKind[] kinds = [ShimKind.Ours, ShimKind.Runc];
        var times = kinds.ToDictionary(kind => kind, _ => new Samples("ms", "0.0"));
        var cpu = kinds.ToDictionary(kind => kind, _ => 0.0);
        for (var round = -2; round < rounds; round++)
        {
            foreach (var kind in kinds)
            {
                var id = $"start-{kinds.Index().First(k => k.Item == kind).Index}-{round + 2}";
                var bundle = Bundle.Write(scratch.Path, id);
                var before = ProcessFigures.EndedChildrenCpu();
                await using var shim = await Shim.StartAsync(kind, containerd, bundle, id);
                if (round < 0)
                    continue;
                times[kind].Add(shim.ToAddress.TotalMilliseconds);
                cpu[kind] += ProcessFigures.EndedChildrenCpu() - before;
            }

            if (round >= 0 && round % 10 == 9)
                report.Progress($"start: {round + 1} of {rounds} rounds");
        }

        var ratio = times[ShimKind.Ours].Median / times[ShimKind.Runc].Median;
        foreach (var kind in kinds)
        {
            var beside = kind == ShimKind.Ours
                ? string.Create(CultureInfo.InvariantCulture, $"{ratio:0.00} of runc's, aim at most 1")
                : "";
            report.Row("start", $"{kind.Name}: exec to address", times[kind].ToString(), beside);
            report.Row(
                "start", $"{kind.Name}: CPU of start, mean",
                string.Create(CultureInfo.InvariantCulture, $"{cpu[kind] / rounds:0.0} ms"), "");
        }
    }
}
