using System.Text.RegularExpressions;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>Containers and execs with a terminal. <c>script</c> gives ctr the real one that it insists on.</summary>
public sealed class TerminalTests(PrivateContainerd host) : EndToEndTest(host)
{
    // Waits for each size in turn and says so: the first one arrives an unknown while after the start.
    private const string TwoSizes =
        "for want in '33 101' '40 120'; do until [ \"$(stty size)\" = \"$want\" ]; do sleep 0.05; done; echo saw $want; done";

    [Fact]
    public async Task Run_with_a_terminal_follows_its_size()
    {
        var id = Host.NewId("tty");

        await FollowAsync(
            PrivateContainerd.RunArguments(id, ["--rm", "--tty"], "sh", "-c", $"tty; {TwoSizes}; exit 5"));
    }

    [Fact]
    public async Task Exec_with_a_terminal_follows_its_size_and_takes_typed_keys()
    {
        await using var container = await SharedContainer.StartAsync(Host);

        await FollowAsync(
            ["task", "exec", "--exec-id", "tty", "--tty", container.Id, "sh", "-c", $"tty; {TwoSizes}; exit 5"]);

        await using var shell = Script(
            ["task", "exec", "--exec-id", "keys", "--tty", container.Id, "sh", "-c",
                "stty -echo; echo ready; sleep 1000; echo not reached"]);
        await shell.WaitForOutputAsync("ready", TestSettings.StartLimit);
        await shell.WriteAsync("\u0003");
        (await shell.ExitAsync(TestSettings.StartLimit)).ExitCode.Should().Be(130);
    }

    private async Task FollowAsync(string[] ctr)
    {
        await using var terminal = Script(ctr);
        await terminal.WaitForOutputAsync("saw 33 101", TestSettings.StartLimit);

        var name = Regex.Match(terminal.Stdout, @"outer (/dev/pts/\d+)").Groups[1].Value;
        await ResizeAsync(terminal, name);
        var result = await terminal.ExitAsync(TestSettings.StartLimit);
        result.ExitCode.Should().Be(5, result.Stdout);
        result.Stdout.Should().MatchRegex(@"(?m)^/dev/(pts/\d+|console)\s");
    }

    // ctr tells the first size before it listens for changes: one that comes in between is lost to it, so more follow.
    private static async Task ResizeAsync(RunningCommand terminal, string name)
    {
        for (var more = 5; ; more--)
        {
            foreach (var columns in (string[])["119", "120"])
                (await Command.RunAsync("stty", ["-F", name, "rows", "40", "cols", columns])).Exited(0);
            try
            {
                await terminal.WaitForOutputAsync(
                    "saw 40 120", more > 0 ? TimeSpan.FromSeconds(5) : TestSettings.StartLimit);
                return;
            }
            catch (TimeoutException) when (more > 0)
            {
                // Once more.
            }
        }
    }

    private RunningCommand Script(string[] ctr)
    {
        var words = string.Join(' ', ctr.Select(w => $"'{w.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        return Host.StartInside(
            "script", "--quiet", "--return", "--command", $"stty rows 33 cols 101; echo outer $(tty); exec ctr {words}",
            "/dev/null");
    }
}
