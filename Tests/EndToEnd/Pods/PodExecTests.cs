using System.Diagnostics;
using FluentAssertions;
using Grpc.Core;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Commands that are run in a container and waited for, as probes are.</summary>
public sealed class PodExecTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task ExecSync_gives_both_streams_and_the_exit_code()
    {
        (await Pod.ExecAsync(Container, ["sh", "-c", "echo out; echo err >&2; exit 9"]))
            .Should().Be(new Executed(9, "out\n", "err\n"));
    }

    [Fact]
    public async Task ExecSync_sees_the_end_of_its_input_at_once()
    {
        (await Pod.ExecAsync(Container, ["sh", "-c", "cat; echo end"])).Should().Be(new Executed(0, "end\n", ""));
    }

    [Fact]
    public async Task ExecSync_past_its_time_says_so_and_ends_the_command()
    {
        var clock = Stopwatch.StartNew();

        var refused = await FluentActions.Awaiting(() => Pod.ExecAsync(Container, ["sleep", "4444"], timeout: 1))
            .Should().ThrowAsync<RpcException>();

        refused.Which.Status.Detail.Should().Contain("timeout");
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20));
        (await Pod.ShellAsync(Container, "ps -o args | grep -c '[s]leep 4444'; true")).Should().Be("0\n");
    }

    [Fact]
    public async Task ExecSync_with_much_output_gives_all_of_it()
    {
        var done = await Pod.ExecAsync(Container, ["sh", "-c", "yes 0123456789abcde | head -c 4194304"]);

        done.ExitCode.Should().Be(0);
        done.Stdout.Length.Should().Be(4 << 20);
        done.Stdout.Should().EndWith("0123456789abcde\n");
    }

    [Fact]
    public async Task ExecSync_whose_program_is_missing_says_which()
    {
        (await FluentActions.Awaiting(() => Pod.ExecAsync(Container,
            ["/no/such/program"])).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Contain("/no/such/program");
    }

    [Fact]
    public async Task ExecSync_in_a_container_that_has_ended_is_refused_and_the_others_live_on()
    {
        var id = await Pod.StartAsync(Pod.NewContainer("true"));
        await Pod.ExitedAsync(id);

        (await FluentActions.Awaiting(() => Pod.ExecAsync(id, ["true"])).Should().ThrowAsync<RpcException>())
            .Which.Status.Detail.Should().Contain("CONTAINER_EXITED").And.NotContain("\n");
        await Pod.RemoveAsync(id);
        (await Pod.ShellAsync(Container, "echo alive")).Should().Be("alive\n");
    }

    [Fact]
    public async Task ExecSync_many_at_once_keeps_them_apart()
    {
        var runs = Enumerable.Range(0, 12)
            .Select(async i => (i, done: await Pod.ExecAsync(Container, ["sh", "-c", $"echo {i}; exit {i}"])));

        foreach (var (i, done) in await Task.WhenAll(runs))
            done.Should().Be(new Executed(i, $"{i}\n", ""));
    }

    [Fact]
    public async Task ExecSync_runs_as_the_containers_user_with_its_environment_and_directory()
    {
        var id = await Pod.StartAsync(c =>
        {
            c.Linux.SecurityContext.RunAsUser = new() { Value = 1000 };
            c.WorkingDir = "/tmp";
            c.Envs.Add(
                new Cri.Protos.KeyValue { Key = "COLOUR", Value = Google.Protobuf.ByteString.CopyFromUtf8("blue") });
        });

        (await Pod.ShellAsync(id, "id -u; pwd; echo $COLOUR; awk '/CapEff/ { print $2 }' /proc/self/status"))
            .Should().Be("1000\n/tmp\nblue\n0000000000000000\n");
        await Pod.RemoveAsync(id);
    }
}
