using FluentAssertions;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>A daemon that dies and comes back finds its pods as they are by then.</summary>
public sealed class DaemonRestartTests(PodHost host) : PodTest(host)
{
    [Fact]
    public async Task Pod_outlives_its_daemon_and_no_exit_is_lost()
    {
        var volume = Host.NewVolume();
        await using var pod = await Pod.RunAsync(Host);
        var stays = await pod.StartAsync(pod.NewContainer());
        var ending = pod.NewContainer(
            "sh", "-c", "while [ ! -e /v/go ]; do sleep 0.1; done; echo gone > /v/went; exit 9");
        ending.Mounts.Add(new Mount { HostPath = volume, ContainerPath = "/v" });
        var ends = await pod.StartAsync(ending);

        await Host.RestartAsync(async () =>
        {
            await File.WriteAllTextAsync(Path.Combine(volume, "go"), "");
            await Until.TrueAsync(
                () => File.Exists(Path.Combine(volume, "went")), TimeSpan.FromSeconds(20),
                () => "the container does not end");
        });

        ContainerStatus? status = null;
        await Until.TrueAsync(
            async () => (status = await pod.StatusAsync(ends)).State == ContainerState.ContainerExited,
            TimeSpan.FromSeconds(30), () => $"the exit is not told: {status}");
        status!.ExitCode.Should().Be(9);
        (await pod.StatusAsync()).State.Should().Be(PodSandboxState.SandboxReady);
        (await pod.StatusAsync(stays)).State.Should().Be(ContainerState.ContainerRunning);
        (await pod.ShellAsync(stays, "echo alive")).Should().Be("alive\n");
        var next = await pod.StartAsync(pod.NewContainer());
        (await pod.ShellAsync(next, "echo next")).Should().Be("next\n");
    }
}
