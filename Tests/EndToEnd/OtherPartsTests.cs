using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>A start and the tests of files once more with other parts than those that come along.</summary>
[Trait("category", "matrix")]
public sealed class OtherPartsTests
{
    private const string Files = "FullyQualifiedName~PodFileTests";
    private const string More = "FullyQualifiedName~PodSharedFileTests|FullyQualifiedName~Run_when_asked_for_uname";
    private const string QemusDaemon = "/usr/lib/qemu/virtiofsd";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9.5);

    [Fact]
    public async Task QEMUs_file_daemon_serves_as_well_but_for_what_it_is_said_to_lack()
    {
        // Debian 12 alone has it.
        if (File.Exists(QemusDaemon))
            await RunAsync("qemus-daemon", $"needs!=newest&{Files}", "KATA_TEST_FILE_DAEMON", QemusDaemon);
    }

    [Fact]
    public async Task Guest_of_Debian_12_serves_as_well_but_for_supplementary_groups()
    {
        (await Command.RunAsync(
            Path.Combine(Repository.Root, "Apps", "Agent", "image", "build.sh"), [], limit: TimeSpan.FromMinutes(8),
            environment: new Dictionary<string, string> { ["GUEST_SUITE"] = "bookworm" })).Exited(0);

        await RunAsync(
            "guest-bookworm", $"needs!=newest&({Files}|{More})", "KATA_TEST_GUEST_DIR",
            Path.Combine(Repository.Artifacts, "guest-bookworm", "current"));
    }

    private static async Task RunAsync(string name, string filter, string variable, string value)
    {
        var run = await Command.RunAsync("dotnet",
            ["test", typeof(OtherPartsTests).Assembly.Location, "--filter", filter, "--logger",
                "console;verbosity=normal"],
            limit: Limit, environment: new Dictionary<string, string> { [variable] = value });

        Directory.CreateDirectory(TestSettings.LogDirectory);
        await File.WriteAllTextAsync(Path.Combine(TestSettings.LogDirectory, $"{name}.txt"), run.Stdout + run.Stderr);
        run.ExitCode.Should().Be(0, "{0}", run.Stdout + run.Stderr);
        run.Stdout.Should().Contain("Test Run Successful.");
    }
}
