using System.Diagnostics;
using System.Globalization;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Kata.Tests.EndToEnd.Pods;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd.Files;

/// <summary>
/// The two pods that all programs run in, and the record of what they saw and measured, <c>artifacts/files/</c>:
/// <c>figures.md</c> and <c>differences.md</c>; of the short form, <c>artifacts/files-short/</c>.
/// </summary>
public sealed class FilePods : IAsyncLifetime
{
    /// <summary>Programs in their full sizes and in all places, as <c>make files</c> runs them.</summary>
    internal static bool IsWhole { get; } = Environment.GetEnvironmentVariable("KATA_TEST_FILES") == "whole";

    private readonly List<string> _figures = ["| place | program | figure | runc | ours |", "|---|---|---|---|---|"];
    private readonly List<string> _differences = ["| place | program | observation | runc | ours | reason |",
        "|---|---|---|---|---|---|"];
    private HostUnchanged? _unchanged;
    private IDisposable? _settings;
    private Task<(FilePod Runc, FilePod Ours)>? _pods;
    private PodHost? _host;

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Runs a program in a place with runc and then with ours.</summary>
    internal async Task<(FileReport Runc, FileReport Ours)> RunAsync(PodHost host, FileProgram program, string place)
    {
        var (runc, ours) = await (_pods ??= StartAsync(host));
        var (one, quick) = await TimedAsync(runc, program, place);
        var (other, slow) = await TimedAsync(ours, program, place);
        _differences.AddRange(FileDifference.Between(program.Name, place, one, other).Select(d => d.Row));
        _figures.Add($"| {place} | {program.Name} | the whole program | {quick} | {slow} |");
        _figures.AddRange(one.Figures.Zip(other.Figures, (a, b) => (A: a.Split(": ", 2), B: b.Split(": ", 2)))
            .Select(f => $"| {place} | {program.Name} | {f.A[0]} | {f.A[1]} | {f.B[1]} |"));
        // After each, so that a run that breaks off has said what it saw.
        await WriteAsync();
        return (one, other);
    }

    private async Task WriteAsync()
    {
        var results = Path.Combine(Repository.Artifacts, IsWhole ? "files" : "files-short");
        Directory.CreateDirectory(results);
        await File.WriteAllLinesAsync(Path.Combine(results, "figures.md"), _figures);
        await File.WriteAllLinesAsync(Path.Combine(results, "differences.md"), _differences);
    }

    private static async Task<(FileReport Report, string Took)> TimedAsync(
        FilePod pod, FileProgram program, string place)
    {
        var watch = Stopwatch.StartNew();
        var report = await pod.RunAsync(program, place, IsWhole ? "whole" : "short");
        return (report, string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds:0.0} s"));
    }

    private async Task<(FilePod Runc, FilePod Ours)> StartAsync(PodHost host)
    {
        _host = host;
        _unchanged = new HostUnchanged(host);
        var tools = Path.Combine(host.Directory, "file-tools");
        Directory.CreateDirectory(tools);
        await BuildLibfuseTestsAsync(tools);
        // Databases and an emptyDir in memory are more than the machines of other tests hold.
        _settings = host.Configuration.With(("hypervisor.qemu", "default_memory", "1536"));
        var runc = await FilePod.StartAsync(host, "runc", tools);
        return (runc, await FilePod.StartAsync(host, "kata", tools));
    }

    private static async Task BuildLibfuseTestsAsync(string folder)
    {
        var source = Path.Combine(Repository.Artifacts, "peers", "files", "source", "fuse3", "test", "test_syscalls.c");
        await File.WriteAllTextAsync(Path.Combine(folder, "fuse_config.h"), "#define HAVE_COPY_FILE_RANGE 1\n");
        (await Command.RunAsync("gcc",
            ["-static", "-O1", "-w", "-I", folder, "-o", Path.Combine(folder, "test_syscalls"), source])).Exited(0);
    }

    public async Task DisposeAsync()
    {
        if (_pods is null)
            return;
        _settings?.Dispose();
        var (runc, ours) = await _pods;
        await ours.DisposeAsync();
        await runc.DisposeAsync();
        await _unchanged!.AssertAsync("files");
    }
}
