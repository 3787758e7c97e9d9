using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>
/// The default run of this project once more, against newer containerds; without the tests that only repeat what one
/// containerd shows as well as another (peers=no).
/// </summary>
[Trait("category", "matrix")]
public sealed class PeerTests
{
    // Twice what both took on a slow machine; less than after which a run counts as hung.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);

    private static readonly (string Suite, string Version)[] Newer = [("trixie", "1.7"), ("sid", "2.")];

    [Fact]
    public Task Containers_of_newer_containerds_behave_alike() =>
        RunAsync("suite", "category!=matrix&peers!=no&area!=pods");

    [Fact]
    public Task Pods_of_newer_containerds_behave_alike() => RunAsync("pods", "category!=matrix&peers!=no&area=pods");

    // At once: a machine that starts keeps one processor busy.
    private static Task RunAsync(string name, string filter) =>
        Task.WhenAll(Newer.Select(newer => RunAsync(newer.Suite, newer.Version, name, filter)));

    private static async Task RunAsync(string suite, string version, string name, string filter)
    {
        var programs = await Peers.UnpackAsync(suite);
        (await Command.RunAsync(Path.Combine(programs, "containerd"), ["--version"])).Exited(0)
            .Stdout.Should().Contain($" {version}");

        var run = await Command.RunAsync("dotnet",
            ["test", typeof(PeerTests).Assembly.Location, "--filter", filter, "--logger", "console;verbosity=normal"],
            limit: Limit,
            environment: new Dictionary<string, string> { ["KATA_TEST_CONTAINERD_DIR"] = programs });

        Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(
            Path.Combine(TestSettings.LogDirectory, $"{name}-{suite}.txt"), run.Stdout + run.Stderr);
        run.ExitCode.Should().Be(
            0, "{0}", string.Join("; ", Failures(run.Stdout).DefaultIfEmpty(run.Stdout + run.Stderr)));
    }

    // The failed tests of a run, each with the beginning of what it says.
    private static IEnumerable<string> Failures(string printed)
    {
        var lines = printed.Split('\n');
        return lines.Index()
            .Where(line => line.Item.StartsWith("  Failed ", StringComparison.Ordinal))
            .Select(line => $"{line.Item.Trim()} {string.Concat(lines.Skip(line.Index + 2).Take(1))}");
    }
}
