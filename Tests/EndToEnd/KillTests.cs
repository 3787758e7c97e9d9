using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Signals to a container's first process.</summary>
public sealed class KillTests(PrivateContainerd host) : EndToEndTest(host)
{
    private static readonly (string Name, int Number)[] Catchable =
    [
        ("HUP", 1), ("INT", 2), ("QUIT", 3), ("USR1", 10), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15),
        ("CONT", 18), ("WINCH", 28), ("RTMIN+1", 35),
    ];

    [Fact]
    public async Task Kill_with_each_kind_of_signal_reaches_the_first_process()
    {
        var id = Host.NewId("signals");
        var traps = string.Join(' ', Catchable.Select(s => $"trap 'echo got {s.Number}.' {s.Number};"));
        await using var container = Host.StartCtr(PrivateContainerd.RunArguments(
            id, ["--rm"], "sh", "-c", $"{traps} echo ready; while :; do sleep 0.05; done"));
        await container.WaitForOutputAsync("ready", TestSettings.StartLimit);

        foreach (var (_, number) in Catchable)
        {
            (await Host.CtrAsync("task", "kill", "--signal", $"{number}", id)).Exited(0);
            await container.WaitForOutputAsync($"got {number}.", TestSettings.StartLimit);
        }

        (await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", id)).Exited(0);
        (await container.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(137);
    }

    [Fact]
    public async Task Kill_with_term_when_the_command_handles_it_gives_the_commands_own_exit_code()
    {
        var id = Host.NewId("term");
        await using var container = Host.StartCtr(PrivateContainerd.RunArguments(
            id, ["--rm"], "sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"));
        await container.WaitForOutputAsync("ready", TestSettings.StartLimit);

        (await Host.CtrAsync("task", "kill", "--signal", "SIGTERM", id)).Exited(0);

        (await container.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(42);
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Kill_of_all_when_execs_run_ends_everything()
    {
        var id = Host.NewId("all");
        await using var container = Host.StartCtr(
            PrivateContainerd.RunArguments(id, ["--rm"], "sh", "-c", "echo ready; exec sleep 1000"));
        await container.WaitForOutputAsync("ready", TestSettings.StartLimit);
        await using var exec = Host.StartCtr(
            "task", "exec", "--exec-id", "other", id, "sh", "-c", "echo ready; exec sleep 1000");
        await exec.WaitForOutputAsync("ready", TestSettings.StartLimit);

        (await Host.CtrAsync("task", "kill", "--all", "--signal", "SIGKILL", id)).Exited(0);

        (await exec.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(137);
        (await container.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(137);
    }

    [Fact]
    public async Task Kill_when_already_exited_answers_not_found()
    {
        var id = Host.NewId("gone");
        (await Host.CtrAsync(PrivateContainerd.RunArguments(id, ["--detach", "--null-io"], "true"))).Exited(0);
        await Until.TrueAsync(
            async () => (await Host.CtrAsync("task", "list")).Stdout.Contains("STOPPED", StringComparison.Ordinal),
            TestSettings.StartLimit, () => "the container does not stop");

        var kill = await Host.CtrAsync("task", "kill", id);

        kill.ExitCode.Should().NotBe(0);
        // containerd 2 leaves the class out of the sentence and shows ours alone.
        kill.Stderr.Should().ContainAny("not found", "already finished");
        (await Host.CtrAsync("task", "delete", id)).Exited(0);
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);
    }
}
