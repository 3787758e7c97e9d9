using System.Globalization;
using Kata.Tests.Benchmarks.Boot;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Reporting;

namespace Kata.Tests.Benchmarks.Parts;

/// <summary>
/// From the VMM's execution to the agent's first answer: our way of booting beside the naive one, in turn.
/// </summary>
internal static class BootBenchmark
{
    public static async Task RunAsync(Report report, int rounds)
    {
        report.Progress("boot: making the naive guest, once");
        var quick = GuestFiles.Quick();
        var naive = await NaiveGuest.MakeAsync();
        var quickTime = new Samples("s", "0.00");
        var naiveTime = new Samples("s", "0.00");
        var agent = new Samples("MB", "0.00");
        var vmm = new Samples("MB", "0");
        for (var round = 0; round < rounds; round++)
        {
            await using (var machine = await Machine.BootAsync(quick))
            {
                quickTime.Add(machine.ToAnswer.TotalSeconds);
                vmm.Add(ProcessFigures.Memory(machine.Pid).Rss);
                agent.Add(await machine.AgentResidentAsync() / 1e6);
            }

            await using (var machine = await Machine.BootAsync(naive))
                naiveTime.Add(machine.ToAnswer.TotalSeconds);
            report.Progress($"boot: {round + 1} of {rounds} rounds");
        }

        report.Row("boot", "exec of the VMM to the agent's first answer, quick", quickTime.ToString(),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{quickTime.Median / naiveTime.Median:0.00} of the naive one, aim at most 0.7"));
        report.Row(
            "boot", "the same, naive (bzImage, gzip initrd, 2 CPUs, every signed module first)", naiveTime.ToString(),
            "");
        report.Row("boot", "agent in the guest, resident", agent.ToString(), "aim at most 8 MB");
        report.Row("boot", "VMM with 512 MB, resident after the boot", vmm.ToString(), "");
    }
}
