using System.Globalization;
using Kata.Tests.Benchmarks.Host;
using Kata.Tests.Benchmarks.Parts;
using Kata.Tests.Benchmarks.Reporting;

// Without arguments all parts run, each with its usual number of rounds; "start=50 boot" runs two of them, one longer.
var parts = new (string Name, int Rounds, Func<Report, int, Task> RunAsync)[]
{
    ("sizes", 1, SizeBenchmark.RunAsync),
    ("ttrpc", 50_000, TtrpcBenchmark.RunAsync),
    ("start", 20, StartBenchmark.RunAsync),
    ("memory", 10, MemoryBenchmark.RunAsync),
    ("create", 5, CreateBenchmark.RunAsync),
    ("boot", 5, BootBenchmark.RunAsync),
    ("pods", 20, PodsBenchmark.RunAsync),
    ("containers", 50, ContainersBenchmark.RunAsync),
    ("network", 3, NetworkBenchmark.RunAsync),
    ("disk", 3, DiskBenchmark.RunAsync),
    ("files", 3, FilesBenchmark.RunAsync),
};

var wanted = args.Select(word => word.Split('=', 2)).ToDictionary(
    pair => pair[0], pair => pair.Length > 1 ? int.Parse(pair[1], CultureInfo.InvariantCulture) : (int?)null);
if (wanted.Keys.Except(parts.Select(part => part.Name)).ToList() is { Count: > 0 } unknown)
{
    await Console.Error.WriteLineAsync(
        $"unknown: {string.Join(", ", unknown)}; parts are {string.Join(", ", parts.Select(part => part.Name))}, each with =ROUNDS");
    return 2;
}

if (!PrivateHost.IsInside)
    return await PrivateHost.EnterAsync(args);

var failed = 0;
var report = new Report(Console.Out, Console.Error);
report.Begin();
foreach (var (name, rounds, runAsync) in parts)
{
    if (wanted.Count > 0 && !wanted.ContainsKey(name))
        continue;
    report.Progress($"== {name}");
    try
    {
        await runAsync(report, wanted.GetValueOrDefault(name) ?? rounds);
    }
    catch (Exception e)
    {
        // The other parts' figures are worth having all the same.
        failed++;
        report.Progress($"{name} failed: {e}");
        report.Row(name, "failed", e.Message.Split('\n')[0], "");
    }
}

report.End();
return failed == 0 ? 0 : 1;
