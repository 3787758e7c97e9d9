using System.Globalization;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary><c>ctr task exec</c> in one running container.</summary>
public sealed class ExecTests(PrivateContainerd host, SharedContainerLife life) : SharedContainerTest(host, life)
{
    [Fact]
    public async Task Exec_when_the_command_prints_and_fails_gives_both_streams_and_the_exit_code()
    {
        var result = await Container.ExecAsync("sh", "-c", "echo out; echo err >&2; exit 3");

        result.ExitCode.Should().Be(3, result.Stderr);
        result.Stdout.Should().Be("out\n");
        result.Stderr.Should().StartWith("err\n");
    }

    [Fact]
    public async Task Exec_when_input_ends_lets_the_command_see_the_end()
    {
        var result = await Container.ExecAsync("one\ntwo\n"u8.ToArray(), "wc", "-l");

        result.Exited(0).Stdout.Trim().Should().Be("2");
    }

    [Fact]
    public async Task Exec_when_the_command_does_not_exist_says_so()
    {
        var result = await Container.ExecAsync("/no/such/program");

        result.ExitCode.Should().NotBe(0);
        result.Stderr.Should().Contain("/no/such/program");
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Exec_when_it_ends_answers_with_the_exit_code_of_the_command()
    {
        // Each bit, and those that mean something to shells and managers.
        int[] codes = [0, 1, 2, 4, 8, 16, 32, 64, 125, 126, 127, 128, 129, 130, 137, 143, 254, 255];
        var wrong = new List<string>();

        // Two at a time: as many as the smallest machine has cores.
        await Parallel.ForEachAsync(codes, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (code, _) =>
        {
            var result = await Container.ExecAsync("sh", "-c", $"exit {code.ToString(CultureInfo.InvariantCulture)}");
            if (result.ExitCode != code)
                lock (wrong)
                    wrong.Add($"{code} became {result.ExitCode}: {result.Stderr}");
        });

        wrong.Should().BeEmpty();
    }

    [Theory]
    [InlineData("HUP", 1)]
    [InlineData("INT", 2)]
    [InlineData("QUIT", 3)]
    [InlineData("ABRT", 6)]
    [InlineData("KILL", 9)]
    [InlineData("USR1", 10)]
    [InlineData("SEGV", 11)]
    [InlineData("TERM", 15)]
    public async Task Exec_when_killed_by_a_signal_answers_128_and_the_signal(string signal, int number)
    {
        var id = Container.NewExecId();
        // Said by who gets the signal: a shell takes no SIGQUIT until it has become another program.
        await using var exec = Container.StartExec(
            id, "sh", "-c", "echo ready > /dev/shm/$$; exec tail -f /dev/shm/$$");
        await exec.WaitForOutputAsync("ready", TestSettings.StartLimit);

        (await Host.CtrAsync("task", "kill", "--signal", $"SIG{signal}", "--exec-id", id, Container.Id)).Exited(0);

        (await exec.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(128 + number);
    }

    [Fact]
    public async Task Exec_when_a_grandchild_holds_stdout_ends_all_the_same()
    {
        var result = await Container.ExecAsync("sh", "-c", "sleep 300 & echo done");

        result.Exited(0).Stdout.Should().Be("done\n");
        result.Took.Should().BeLessThan(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Exec_when_the_user_is_given_runs_as_that_user()
    {
        var result = await Host.CtrAsync(
            "task", "exec", "--exec-id", Container.NewExecId(), "--user", "65534:65534", "--cwd", "/tmp",
            Container.Id, "sh", "-c", "id -u; pwd");

        result.Exited(0).Stdout.Should().Be("65534\n/tmp\n");
    }

    [Fact]
    public async Task Exec_when_the_id_is_in_use_is_refused()
    {
        var id = Container.NewExecId();
        await using var first = Container.StartExec(id, "sh", "-c", "echo ready; exec sleep 1000");
        await first.WaitForOutputAsync("ready", TestSettings.StartLimit);

        var second = await Host.CtrAsync("task", "exec", "--exec-id", id, Container.Id, "true");

        second.ExitCode.Should().NotBe(0);
        second.Stderr.Should().Contain("exists");
        (await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", "--exec-id", id, Container.Id)).Exited(0);
        (await first.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(137);
    }
}
