using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// SIGKILL to the shim, the VMM or the file daemon in each phase of a start and while the container runs. The phases
/// are those that the sandbox's own timeline names, so a new one is covered without a change here; the
/// matrix has them all.
/// </summary>
public sealed class CrashTests(PrivateContainerd host) : EndToEndTest(host)
{
    private const string Running = "running";

    // containerd gives `delete` five seconds; the rest is its own and ctr's way to the end.
    private static readonly TimeSpan GoneLimit = TimeSpan.FromSeconds(20);
    private static readonly string[] Victims = ["shim", "VMM", "virtiofsd"];

    [MachineFact]
    [Trait("peers", "no")]
    public async Task Kill_of_each_process_while_the_machine_is_launched_while_the_guest_boots_and_later_leaves_nothing() =>
        (await KillEachAsync(["launch-vmm", "agent", Running])).Wrong.Should().BeEmpty();

    [MachineFact]
    [Trait("category", "matrix")]
    public async Task Kill_of_each_process_in_each_phase_of_a_start_leaves_nothing()
    {
        var (table, wrong) = await KillEachAsync(await PhasesAsync());

        Directory.CreateDirectory(Repository.Artifacts);
        await File.WriteAllTextAsync(Path.Combine(Repository.Artifacts, "crash-table.md"), table);
        wrong.Should().BeEmpty();
    }

    private async Task<(string Table, IReadOnlyList<string> Wrong)> KillEachAsync(IEnumerable<string> phases)
    {
        var table = new StringBuilder(
            "| phase | killed | ctr said | exit | ctr ended after | task gone after | left |\n|---|---|---|---|---|---|---|\n");
        var wrong = new List<string>();
        foreach (var phase in phases)
        {
            foreach (var victim in Victims)
            {
                var row = await KillAsync(phase, victim);
                table.Append(CultureInfo.InvariantCulture,
                    $"| {phase} | {victim} | {row.Said} | {row.Exit} | {Seconds(row.Ended)} | {Seconds(row.Gone)} | {row.Left} |\n");
                if (row.Left != "nothing" || row.Gone > GoneLimit)
                    wrong.Add(
                        $"{victim} killed in {phase}: ctr ended after {Seconds(row.Ended)}, task gone after {Seconds(row.Gone)}, left: {row.Left}");
            }
        }

        return (table.ToString(), wrong);
    }

    private async Task<IReadOnlyList<string>> PhasesAsync()
    {
        var id = Host.NewId("phases");
        (await Host.CtrAsync(PrivateContainerd.RunArguments(id, ["--detach", "--null-io"], "sleep", "1000"))).Exited(0);
        var phases = Begun(id).Distinct().ToList();
        await RemoveAsync(id);
        phases.Should().NotBeEmpty("the sandbox's state directory has a timeline");
        return [.. phases, Running];
    }

    private async Task<Row> KillAsync(string phase, string victim)
    {
        var unchanged = new HostUnchanged(Host);
        var id = Host.NewId("crash");
        await using var ctr = Host.StartCtr(
            PrivateContainerd.RunArguments(id, ["--rm"], "sh", "-c", "echo container runs; sleep 1000"));

        if (phase == Running)
            await ctr.WaitForOutputAsync("container runs", TestSettings.StartLimit);
        else
            await BegunAsync(id, phase, ctr);
        var pid = await FindAsync(victim, id);
        if (pid is null)
        {
            // Before its own start, or after its end: there is nothing to kill in this phase.
            if (!ctr.HasExited)
                await ctr.WaitForOutputAsync("container runs", TestSettings.StartLimit);
            await RemoveAsync(id);
            await ctr.ExitAsync(TestSettings.StartLimit);
            await unchanged.AssertAsync($"{phase} without {victim}");
            return new Row("(not there in this phase)", 0, null, null, "nothing");
        }

        var clock = Stopwatch.StartNew();
        Kill(pid.Value);
        var result = await ctr.ExitAsync(TestSettings.StartLimit);
        var ended = clock.Elapsed;
        await Until.TrueAsync(async () => !(await Host.CtrAsync("task", "list", "-q")).Stdout.Split('\n').Contains(id)
            || clock.Elapsed > GoneLimit, TestSettings.StartLimit, () => $"{id} stays");
        var gone = clock.Elapsed;
        var left = "nothing";
        try
        {
            await unchanged.AssertAsync($"crash-{phase}-{victim}");
        }
        catch (InvalidOperationException)
        {
            left = string.Join("; ", unchanged.Difference().DefaultIfEmpty("something, later gone"));
        }

        await RemoveAsync(id);
        var said = result.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "(nothing)";
        return new Row(Cell(said), result.ExitCode, ended, gone, Cell(left));
    }

    private async Task BegunAsync(string id, string phase, RunningCommand ctr)
    {
        var clock = Stopwatch.StartNew();
        while (!Begun(id).Contains(phase) && !ctr.HasExited && clock.Elapsed < TestSettings.StartLimit)
            await Task.Delay(1);
        Begun(id).Should().Contain(phase, ctr.Stderr);
    }

    private List<string> Begun(string id)
    {
        var begun = new List<string>();
        try
        {
            foreach (var line in File.ReadLines(Host.Seen($"/run/vc/sbs/{id}/timeline.jsonl")))
            {
                // The last line may be in the middle of being written.
                if (!line.EndsWith('}'))
                    continue;
                using var entry = JsonDocument.Parse(line);
                if (entry.RootElement.TryGetProperty("phase", out var phase)
                    && entry.RootElement.GetProperty("event").GetString() == "begin")
                    begun.Add(phase.GetString()!);
            }
        }
        catch (IOException)
        {
            // Not there yet, or not any more.
        }

        return begun;
    }

    private async Task<int?> FindAsync(string victim, string id)
    {
        // A phase that starts a process has begun a moment before the process is there.
        var clock = Stopwatch.StartNew();
        do
        {
            var found = HostPicture.Processes(Host.InitPid)
                .Where(p => victim switch
                {
                    "shim" =>
                        p.Line.Contains("containerd-shim-", StringComparison.Ordinal)
                            && p.Line.Contains(id, StringComparison.Ordinal)
                        && !p.Line.EndsWith(" start", StringComparison.Ordinal)
                        && !p.Line.EndsWith(" delete", StringComparison.Ordinal)
                        && !p.Line.Contains(" spawn ", StringComparison.Ordinal),
                    "VMM" =>
                        p.Name.StartsWith("qemu-system", StringComparison.Ordinal)
                            && p.Line.Contains(id, StringComparison.Ordinal),
                    _ => p.Name == "virtiofsd" && p.Line.Contains(id, StringComparison.Ordinal),
                })
                .OrderBy(p => p.Pid).ToList();
            if (found.Count > 0)
                return found[0].Pid;
            await Task.Delay(2);
        }
        while (clock.Elapsed < TimeSpan.FromMilliseconds(150));
        return null;
    }

    private static void Kill(int pid)
    {
        using var process = Process.GetProcessById(pid);
        process.Kill();
    }

    // ctr removes what it can; after a crash the record of the container may be all that is left of it.
    private async Task RemoveAsync(string id)
    {
        await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", id);
        await Until.TrueAsync(async () =>
        {
            await Host.CtrAsync("task", "delete", id);
            return !(await Host.CtrAsync("task", "list", "-q")).Stdout.Split('\n').Contains(id);
        }, TestSettings.StartLimit, () => $"{id} does not go");
        await Host.CtrAsync("containers", "delete", id);
    }

    private static string Cell(string text) => text.Replace('|', '/').Replace('\n', ' ')[..Math.Min(text.Length, 300)];

    private static string Seconds(TimeSpan? time) => time is { } t ? $"{t.TotalSeconds:0.0} s" : "";

    private sealed record Row(string Said, int Exit, TimeSpan? Ended, TimeSpan? Gone, string Left);
}
