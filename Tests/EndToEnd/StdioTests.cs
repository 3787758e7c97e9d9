using System.Diagnostics;
using System.Security.Cryptography;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>What flows in and out of containers.</summary>
public sealed class StdioTests(PrivateContainerd host) : EndToEndTest(host)
{
    [Fact]
    [Trait("peers", "no")]
    public async Task Cat_when_given_16_mib_gives_the_same_bytes_back()
    {
        var sent = new byte[16 << 20];
        new Random(7).NextBytes(sent);

        var result = await Host.CtrAsync(TimeSpan.FromMinutes(2), sent,
            PrivateContainerd.RunArguments(Host.NewId("cat"), ["--rm"], "cat"));

        result.Exited(0).StdoutBytes.Length.Should().Be(sent.Length);
        SHA256.HashData(result.StdoutBytes).Should().Equal(SHA256.HashData(sent));
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Flood_when_nobody_reads_can_still_be_killed()
    {
        var id = Host.NewId("flood");
        var readOn = Path.Combine(Host.Directory, $"{id}.read-on");
        await using var flood = Host.StartInside(
            "sh", "-c",
            $"ctr {string.Join(' ', PrivateContainerd.RunArguments(id, ["--rm"], "yes"))} | sh -c 'read x; echo started; while ! [ -e {readOn} ]; do sleep 0.1; done; cat > /dev/null'");
        await flood.WaitForOutputAsync("started", TestSettings.StartLimit);

        var clock = Stopwatch.StartNew();
        (await Host.CtrAsync("task", "kill", "--signal", "SIGKILL", id)).Exited(0);
        await Until.TrueAsync(
            async () => !(await Host.CtrAsync("task", "list")).Stdout.Contains($"{id} ", StringComparison.Ordinal)
            || (await Host.CtrAsync("task", "list")).Stdout.Split('\n').Any(
                l => l.StartsWith(id, StringComparison.Ordinal) && l.Contains("STOPPED", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(20), () => "the flooding container does not end");

        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(20));
        // The client removes what it ran. Killed in the midst of that, it would leave a shim that its daemon has
        // forgotten.
        await File.WriteAllTextAsync(readOn, "");
        await flood.ExitAsync(TimeSpan.FromSeconds(30));
        (await Host.CtrAsync("containers", "list")).Exited(0).Stdout.Should().NotContain(id);
    }

    [Fact]
    [Trait("peers", "no")]
    public async Task Flood_when_everything_is_read_arrives_whole()
    {
        var result = await Host.RunAsync(Host.NewId("whole"), "sh", "-c", "seq 1 500000; seq 1 1000 >&2");

        result.Exited(0).Stdout.Split('\n').Should().HaveCount(500001);
        result.Stdout.Should().EndWith("\n499999\n500000\n");
        result.Stderr.Should().Contain("\n999\n1000\n");
    }

    [Fact]
    public async Task Run_when_logged_to_a_file_writes_both_streams_there()
    {
        var id = Host.NewId("file");
        var log = Path.Combine(Host.Directory, "made", "by", "shim", "out.log");

        (await Host.CtrAsync(PrivateContainerd.RunArguments(
            id, ["--detach", "--log-uri", $"file://{log}"], "sh", "-c",
            "echo to the log; echo errors too >&2"))).Exited(0);

        await DeleteWhenStoppedAsync(id);
        (await File.ReadAllTextAsync(log)).Should().Contain("to the log\n").And.Contain("errors too\n");
    }

    [Fact]
    public async Task Run_when_logged_by_a_program_hands_it_both_streams_and_the_names()
    {
        var id = Host.NewId("binary");
        var log = Path.Combine(Host.Directory, $"{id}.log");
        var program = Path.Combine(Host.BinDirectory, "logger.sh");
        await File.WriteAllTextAsync(program,
            """
            #!/bin/sh
            exec 6>&5 5>&-
            echo "arguments $*, container $CONTAINER_ID of $CONTAINER_NAMESPACE" > "$2"
            /bin/cat <&3 >> "$2" 6>&- &
            /bin/cat <&4 >> "$2" 6>&- &
            exec 6>&-
            wait
            """);
        File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);

        (await Host.CtrAsync(PrivateContainerd.RunArguments(
            id, ["--detach", "--log-uri", $"binary://{program}?to={log}"], "sh", "-c",
            "echo to the log; echo errors too >&2"))).Exited(0);

        await DeleteWhenStoppedAsync(id);
        (await File.ReadAllTextAsync(log)).Should()
            .Contain($"arguments to {log}, container {id} of {Host.Namespace}\n").And.Contain("to the log\n")
                .And.Contain("errors too\n");
    }

    private async Task DeleteWhenStoppedAsync(string id)
    {
        await Until.TrueAsync(async () => (await Host.CtrAsync("task", "list")).Stdout.Split('\n')
                .Any(
                    l => l.StartsWith(id, StringComparison.Ordinal) && l.Contains("STOPPED", StringComparison.Ordinal)),
            TestSettings.StartLimit, () => $"{id} does not stop");
        (await Host.CtrAsync("task", "delete", id)).Exited(0);
        (await Host.CtrAsync("containers", "delete", id)).Exited(0);
    }
}
