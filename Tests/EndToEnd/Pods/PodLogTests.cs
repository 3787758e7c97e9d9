using FluentAssertions;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

internal static class PodLogs
{
    /// <summary>Waits until a container has logged a text.</summary>
    public static Task LogHoldsAsync(this PodHost host, Pod pod, ContainerConfig config, string text) =>
        Until.TrueAsync(
            () => File.Exists(pod.LogFile(config))
                && File.ReadAllText(pod.LogFile(config)).Contains(text, StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => $"'{text}' is not in the log: {host.Log()[^2000..]}");
}

/// <summary>Logs as kubelet reads them.</summary>
public sealed class PodLogTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Log_has_a_line_with_time_and_stream_for_each_that_was_printed()
    {
        var config = Pod.NewContainer(
            "sh", "-c", "echo one; echo two >&2; printf three; head -c 20000 /dev/zero | tr '\\0' x; echo");
        (await Pod.RunToEndAsync(config)).ExitCode.Should().Be(0);

        var lines = await File.ReadAllLinesAsync(Pod.LogFile(config));
        lines.Should().AllSatisfy(
            l => l.Should().MatchRegex("^\\d{4}-\\d\\d-\\d\\dT[0-9:.]+(Z|[+-]\\d\\d:\\d\\d) (stdout|stderr) [FP] "));
        lines.Should().ContainSingle(l => l.EndsWith(" stdout F one"));
        lines.Should().ContainSingle(l => l.EndsWith(" stderr F two"));
        // What is longer than containerd's line comes in pieces.
        lines.Should().Contain(l => l.Contains(" stdout P threexxx")).And.Contain(l => l.Contains(" stdout F xxx"));
        (await Pod.LogAsync(config)).Stdout.Should().Be("one\nthree" + new string('x', 20000) + "\n");
    }

    [Fact]
    public async Task Log_that_was_rotated_goes_on_in_a_new_file_once_reopened()
    {
        var config = Pod.NewContainer(
            "sh", "-c", "while read line; do echo got $line; done < /tmp/pipe; exec sleep 1000");
        config.Command.Clear();
        config.Command.AddRange(
            ["sh", "-c", "mkfifo /tmp/pipe; echo ready; while :; do read line < /tmp/pipe && echo got $line; done"]);
        var id = await Pod.StartAsync(config);
        await Host.LogHoldsAsync(Pod, config, "ready");

        File.Move(Pod.LogFile(config), Pod.LogFile(config) + ".1");
        await Host.Cri.Runtime.ReopenContainerLogAsync(
            new ReopenContainerLogRequest { ContainerId = id }, CriClient.Call());
        await Pod.ShellAsync(id, "echo second > /tmp/pipe");

        await Host.LogHoldsAsync(Pod, config, "stdout F got second");
        (await File.ReadAllTextAsync(Pod.LogFile(config) + ".1")).Should().Contain("ready").And.NotContain("second");
        await Pod.RemoveAsync(id);
    }
}
