using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>Memory of the shim: many idle ones, and one with a pod of containers.</summary>
internal static class MemoryBenchmark
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(1);

    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        foreach (var kind in new[] { ShimKind.Ours, ShimKind.Runc })
        {
            await IdleAsync(report, kind, containerd, scratch, rounds);
            await PodAsync(report, kind, containerd, scratch, configuration, rounds);
        }
    }

    private static async Task IdleAsync(Report report, ShimKind kind, Containerd containerd, Scratch scratch, int count)
    {
        var shims = new List<Shim>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var id = $"idle-{(kind == ShimKind.Ours ? "ours" : "runc")}-{i}";
                shims.Add(await Shim.StartAsync(kind, containerd, Bundle.Write(scratch.Path, id), id));
                if (i == 0)
                {
                    await Task.Delay(Settle);
                    Row(report, kind, "idle, alone", [shims[0]], kind == ShimKind.Ours ? "aim at most 12 MB RSS" : "");
                }
            }

            await Task.Delay(Settle);
            Row(
                report, kind, $"idle, among {count}", shims,
                kind == ShimKind.Ours ? "aim at most 3.0 MB PSS" : "");
        }
        finally
        {
            foreach (var shim in shims)
                await shim.DisposeAsync();
        }
    }

    private static async Task PodAsync(
        Report report, ShimKind kind, Containerd containerd, Scratch scratch, string configuration, int count)
    {
        var pod = $"pod-{(kind == ShimKind.Ours ? "ours" : "runc")}";
        await using var shim = await Shim.StartAsync(
            kind, containerd, Bundle.Write(scratch.Path, pod, pod), pod, configuration);
        for (var i = 0; i < count; i++)
        {
            var id = i == 0 ? pod : $"{pod}-{i}";
            await shim.CreateAsync(Bundle.Write(scratch.Path, id, pod), id);
            await shim.StartAsync(id);
            if (i == 0)
            {
                await Task.Delay(Settle);
                Row(report, kind, "1 container", [shim], "");
            }
        }

        report.Progress($"memory: {kind.Name} has {count} containers");
        await Task.Delay(Settle);
        Row(report, kind, $"{count} containers in one pod", [shim], "");
        for (var i = count - 1; i >= 0; i--)
            await shim.RemoveAsync(i == 0 ? pod : $"{pod}-{i}");
    }

    private static void Row(Report report, ShimKind kind, string what, IReadOnlyList<Shim> shims, string beside)
    {
        var rss = new Samples("MB", "0.0");
        var pss = new Samples("MB", "0.0");
        foreach (var shim in shims)
        {
            var memory = ProcessFigures.Memory(shim.Pid);
            rss.Add(memory.Rss);
            pss.Add(memory.Pss);
        }

        report.Row("memory", $"{kind.Name}: {what}", $"RSS {rss}, PSS {pss}", beside);
    }
}
