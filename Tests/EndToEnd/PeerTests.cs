using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>The whole default run of this project once more, against newer containerds.</summary>
[Trait("category", "matrix")]
public sealed class PeerTests
{
    // The default run's own limit, and a start of the test runner.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9.5);

    [Theory]
    [InlineData("trixie", "1.7")]
    [InlineData("sid", "2.")]
    public async Task Suite_against_a_newer_containerd_passes(string suite, string version)
    {
        var programs = await Peers.UnpackAsync(suite);
        (await Command.RunAsync(Path.Combine(programs, "containerd"), ["--version"])).Exited(0).Stdout.Should().Contain($" {version}");

        var run = await Command.RunAsync("dotnet",
            ["test", typeof(PeerTests).Assembly.Location, "--filter", "category!=matrix", "--logger", "console;verbosity=normal"],
            limit: Limit,
            environment: new Dictionary<string, string> { ["KATA_TEST_CONTAINERD_DIR"] = programs });

        Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(Path.Combine(TestSettings.LogDirectory, $"suite-{suite}.txt"), run.Stdout + run.Stderr);
        run.Exited(0);
    }
}
