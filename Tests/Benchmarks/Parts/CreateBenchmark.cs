using System.Diagnostics;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>What our shim adds to a start, beside what the VMM, the file daemon and the guest take.</summary>
internal static class CreateBenchmark
{
    public static async Task RunAsync(Report report, int rounds)
    {
        using var scratch = new Scratch();
        var configuration = ShimConfiguration.Write(scratch["configuration.toml"]);
        await using var containerd = await Containerd.StartAsync();
        var total = new Samples("ms", "0");
        var toLaunch = new Samples("ms");
        var daemon = new Samples("ms");
        var boot = new Samples("ms", "0");
        var guest = new Samples("ms", "0");
        var afterAnswer = new Samples("ms");
        var own = new Samples("ms");
        var cpu = new Samples("ms");
        for (var round = 0; round < rounds; round++)
        {
            var id = $"create-{round}";
            var bundle = Bundle.Write(scratch.Path, id);
            await using var shim = await Shim.StartAsync(ShimKind.Ours, containerd, bundle, id, configuration);
            await shim.CallAsync();
            var since = Stopwatch.GetTimestamp();
            await shim.CreateAsync(bundle, id);
            var elapsed = Stopwatch.GetElapsedTime(since).TotalMilliseconds;
            var spent = ProcessFigures.Cpu(shim.Pid);
            var timeline = Timeline.Read(id);

            var before = timeline.Begin("launch-vmm") - timeline.Took("share");
            var after = elapsed - timeline.End("create-container");
            var between = Math.Max(0, timeline.Begin("create-container") - timeline.End("open-sandbox"))
                + Math.Max(0, timeline.Begin("open-sandbox") - timeline.End("agent"));
            total.Add(elapsed);
            toLaunch.Add(before);
            daemon.Add(timeline.Took("share"));
            boot.Add(timeline.End("agent") - timeline.Begin("launch-vmm"));
            guest.Add(timeline.Took("open-sandbox") + timeline.Took("create-container"));
            afterAnswer.Add(between + after);
            own.Add(before + between + after);
            cpu.Add(spent);

            await shim.StartAsync(id);
            await shim.RemoveAsync(id);
            report.Progress($"create: {round + 1} of {rounds} rounds");
        }

        report.Row("create", "Create, the whole call", total.ToString(), "");
        report.Row(
            "create", "Create's arrival to the launch of the VMM, without the wait for virtiofsd", toLaunch.ToString(),
            $"virtiofsd {daemon}");
        report.Row(
            "create", "the agent's answer to Create's reply, without the guest's own work", afterAnswer.ToString(),
            $"guest {guest}");
        report.Row(
            "create", "our share of the wall time, both together", own.ToString(),
            $"launch of the VMM to the agent's answer {boot}");
        report.Row(
            "create", "CPU of the server from its exec to Create's reply", cpu.ToString(),
            "aim at most 40 ms, with start's CPU");
    }
}
