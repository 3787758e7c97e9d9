using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>A start, an exec and the tests of files once more with what may still be in use: QEMU's file daemon, and a guest of Debian 12.</summary>
[Trait("category", "matrix")]
public sealed class OlderPartsTests
{
    private const string Filter =
        "needs!=newest&(FullyQualifiedName~PodFileTests|FullyQualifiedName~PodSharedFileTests|FullyQualifiedName~Run_when_asked_for_uname"
        + "|FullyQualifiedName~Exec_when_the_command_prints)";
    private const string QemusDaemon = "/usr/lib/qemu/virtiofsd";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9.5);

    [Fact]
    public async Task Guest_of_Debian_12_and_QEMUs_file_daemon_serve_as_well_but_for_what_they_are_said_to_lack()
    {
        (await Command.RunAsync(
            Path.Combine(Repository.Root, "Apps", "Agent", "image", "build.sh"), [], limit: TimeSpan.FromMinutes(8),
            environment: new Dictionary<string, string> { ["GUEST_SUITE"] = "bookworm" })).Exited(0);
        var parts = new Dictionary<string, string>
        {
            ["KATA_TEST_GUEST_DIR"] = Path.Combine(Repository.Artifacts, "guest-bookworm", "current"),
        };
        // Debian 12 alone has it.
        if (File.Exists(QemusDaemon))
            parts["KATA_TEST_FILE_DAEMON"] = QemusDaemon;

        var run = await Command.RunAsync("dotnet",
            ["test", typeof(OlderPartsTests).Assembly.Location, "--filter", Filter, "--logger", "console;verbosity=normal"],
            limit: Limit, environment: parts);

        Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(Path.Combine(TestSettings.LogDirectory, "older-parts.txt"), run.Stdout + run.Stderr);
        run.ExitCode.Should().Be(0, "{0}", run.Stdout + run.Stderr);
        run.Stdout.Should().Contain("Test Run Successful.");
    }
}
