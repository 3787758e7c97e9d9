using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri.Protos;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>What the containers of a pod share, and what they do not.</summary>
public sealed class MultiContainerTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Containers_share_localhost()
    {
        var server = await Pod.StartAsync(
            Pod.NewContainer("sh", "-c", "echo hello > /var/index.html; httpd -f -p 127.0.0.1:7001 -h /var"));

        (await Pod.ShellAsync(Container, "until wget -qO- http://127.0.0.1:7001/ 2> /dev/null; do sleep 0.1; done"))
            .Should().Be("hello\n");
        await Pod.RemoveAsync(server);
    }

    [Fact]
    public async Task Containers_share_the_hostname_and_find_it_in_etc_hosts()
    {
        var name = Pod.Config.Hostname;
        var other = await Pod.StartAsync(Pod.NewContainer());

        (await Pod.ShellAsync(Container, "hostname; cat /etc/hostname; cat /proc/sys/kernel/hostname"))
            .Should().Be($"{name}\n{name}\n{name}\n");
        (await Pod.ShellAsync(other, "hostname; echo $HOSTNAME")).Should().Be($"{name}\n{name}\n");
        await Pod.RemoveAsync(other);
    }

    [Fact]
    public async Task Containers_share_memory_of_the_usual_size_and_no_files()
    {
        var other = await Pod.StartAsync(Pod.NewContainer());

        await Pod.ShellAsync(other, "echo note > /dev/shm/note; echo mine > /tmp/mine");

        (await Pod.ShellAsync(Container,
            "cat /dev/shm/note; df -k /dev/shm | awk 'END { print $(NF-4) }'; ls /tmp/mine 2> /dev/null || echo none"))
            .Should().Be("note\n65536\nnone\n");
        await Pod.RemoveAsync(other);
    }

    [Fact]
    public async Task Containers_share_system_v_ipc()
    {
        var other = await Pod.StartAsync(Pod.NewContainer());

        var mine = await Pod.ShellAsync(
            Container, "readlink /proc/self/ns/ipc; readlink /proc/self/ns/net; readlink /proc/self/ns/uts");

        (await Pod.ShellAsync(other,
            "readlink /proc/self/ns/ipc; readlink /proc/self/ns/net; readlink /proc/self/ns/uts")).Should().Be(mine);
        await Pod.RemoveAsync(other);
    }

    [Fact]
    public async Task Container_with_processes_of_its_own_is_the_first_of_them_and_sees_no_others()
    {
        var other = await Pod.StartAsync(Pod.NewContainer("sleep", "77777"));

        (await Pod.ShellAsync(Container, "ps -o args | grep -c '[7]7777'; true")).Should().Be("0\n");
        (await Pod.ShellAsync(other, "tr '\\0' ' ' < /proc/1/cmdline")).Should().Be("sleep 77777 ");
        await Pod.RemoveAsync(other);
    }
}

/// <summary>A pod whose containers share their processes.</summary>
public sealed class SharedProcessesTests(PodHost host) : PodTest(host)
{
    [Fact]
    [Trait("peers", "no")]
    public async Task Containers_that_share_processes_see_and_signal_each_other()
    {
        await using var pod = await Pod.RunAsync(
            Host, c => c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod);
        var watcher = await pod.StartAsync(Shared);
        var worker = await pod.StartAsync(Shared, "sleep", "77777");

        (await pod.ShellAsync(watcher, "ps -o args | grep -c '[7]7777'")).Should().Be("1\n");
        // The first process is the pod's, of neither container.
        (await pod.ShellAsync(watcher, "tr '\\0' ' ' < /proc/1/cmdline")).Should().NotContain("77777")
            .And.NotStartWith("sleep 100000");
        await pod.ShellAsync(
            watcher,
            "kill -9 $(pidof sleep | tr ' ' '\\n' | while read p; do grep -q 77777 /proc/$p/cmdline && echo $p; done)");

        (await pod.ExitedAsync(worker)).ExitCode.Should().Be(137);
        // A container's end takes its processes along though their namespace lives on.
        var family = await pod.StartAsync(Shared, "sh", "-c", "sleep 66666 & exec sleep 55555");
        await pod.StopAsync(family);
        (await pod.ShellAsync(watcher, "ps -o args | grep -c -e '[6]6666' -e '[5]5555'; true")).Should().Be("0\n");
        // So does its own end, and what they wrote does not hold it up.
        var orphans = pod.NewContainer("sh", "-c", "sleep 44444 & sleep 33333 & echo done");
        Shared(orphans);
        (await pod.RunToEndAsync(orphans)).Ok().Should().Be("done\n");
        (await pod.ShellAsync(watcher, "ps -o args | grep -c -e '[4]4444' -e '[3]3333'; true")).Should().Be("0\n");
    }

    private static void Shared(ContainerConfig config) =>
        config.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Pod;
}
