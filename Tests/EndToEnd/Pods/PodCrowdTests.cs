using System.Diagnostics;
using System.Globalization;
using FluentAssertions;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Host;
using Xunit;
using Xunit.Abstractions;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Many pods, and many containers in one.</summary>
[Trait("peers", "no")]
public sealed class PodCrowdTests(PodHost host, ITestOutputHelper output) : PodTest(host)
{
    private const int Lanes = 2;

    [Fact]
    public async Task Two_churns_of_a_pod_leave_the_host_and_the_daemon_as_they_were()
    {
        await ChurnAsync(2);
    }

    [Fact]
    [Trait("category", "matrix")]
    public async Task Twenty_churns_of_a_pod_leave_the_host_and_the_daemon_as_they_were()
    {
        await ChurnAsync(20);
    }

    [Fact]
    public async Task Three_pods_started_at_once_keep_apart()
    {
        await CrowdAsync(3);
    }

    [Fact]
    [Trait("category", "matrix")]
    public async Task Twenty_pods_started_at_once_all_start_and_keep_apart()
    {
        await CrowdAsync(20);
    }

    [Fact]
    public async Task Ten_containers_life_after_life_in_one_pod_leave_nothing()
    {
        await LivesAsync(10);
    }

    [Fact]
    [Trait("category", "matrix")]
    public async Task Fifty_containers_life_after_life_in_one_pod_leave_nothing()
    {
        await LivesAsync(50);
    }

    private async Task ChurnAsync(int count)
    {
        // One first: what a daemon opens once and keeps is no leak.
        await OneAsync();
        var before = new HostUnchanged(Host);
        var descriptors = Descriptors();
        var clock = Stopwatch.StartNew();
        // Two lanes: as many as the smallest machine has cores.
        await Task.WhenAll(Enumerable.Range(0, Lanes).Select(async _ =>
        {
            for (var i = 0; i < count / Lanes; i++)
                await OneAsync();
        }));
        output.WriteLine($"{count} churns, {clock.Elapsed.TotalSeconds / count:0.00} s each");

        await before.AssertAsync(nameof(PodCrowdTests));
        var now = 0;
        await Until.TrueAsync(() => (now = Descriptors()) <= descriptors, TimeSpan.FromSeconds(10),
            () => $"containerd had {descriptors} descriptors and has {now}");
    }

    private async Task OneAsync()
    {
        await using var pod = await Pod.RunAsync(Host);
        var id = await pod.StartAsync(pod.NewContainer());
        (await pod.ShellAsync(id, "echo alive")).Should().Be("alive\n");
    }

    private async Task CrowdAsync(int count)
    {
        var clock = Stopwatch.StartNew();
        var pods = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Pod.RunAsync(Host)));
        output.WriteLine($"{count} pods in {clock.Elapsed.TotalSeconds:0.0} s");
        try
        {
            var said = await Task.WhenAll(
                pods.Select(
                    async (pod, i) => (await pod.RunToEndAsync(_ => { }, "sh", "-c", $"hostname; echo {i}")).Ok()));
            said.Should().Equal(pods.Select((pod, i) => $"{pod.Config.Hostname}\n{i}\n"));
            var addresses = await Task.WhenAll(pods.Select(async pod => (await pod.StatusAsync()).Network.Ip));
            addresses.Should().OnlyHaveUniqueItems();
        }
        finally
        {
            await Task.WhenAll(pods.Select(pod => pod.DisposeAsync().AsTask()));
        }
    }

    private async Task LivesAsync(int count)
    {
        await using var pod = await Pod.RunAsync(Host);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < count; i++)
            (await pod.RunToEndAsync(_ => { }, "sh", "-c", $"echo life {i.ToString(CultureInfo.InvariantCulture)}"))
                .Ok().Should().Be($"life {i}\n");
        output.WriteLine($"{count} lives, {clock.Elapsed.TotalMilliseconds / count:0} ms each");

        (await pod.StatusAsync()).State.Should().Be(PodSandboxState.SandboxReady);
        // Nothing of a container stays in the guest.
        var id = await pod.StartAsync(pod.NewContainer());
        (await pod.ShellAsync(id, "ps -o args | wc -l")).Trim()
            .Should().Be("5", "a header, the container's process and the question's own are all");
    }

    private int Descriptors()
    {
        var daemon = HostPicture.Processes(Host.InitPid).First(p => p.Name == "containerd").Pid;
        return Directory.EnumerateFileSystemEntries($"/proc/{daemon}/fd").Count();
    }
}
