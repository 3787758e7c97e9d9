using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Limits, namespaces and devices at the border of what a machine can be asked for.</summary>
public sealed class PodLimitTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    [Fact]
    public async Task Out_of_memory_score_is_as_asked()
    {
        (await RunAsync(c => c.Linux.Resources = new LinuxContainerResources
        {
            OomScoreAdj = 500
        }, "cat /proc/self/oom_score_adj")).Should().Be("500\n");
    }

    [MachineFact]
    public async Task Swap_is_limited_to_what_exceeds_memory()
    {
        (await RunAsync(c => c.Linux.Resources = new LinuxContainerResources
        {
            MemoryLimitInBytes = 50 << 20,
            MemorySwapLimitInBytes = 60 << 20
        },
            "cat /sys/fs/cgroup/memory.swap.max")).Should().Be($"{10 << 20}\n");
    }

    [Fact]
    public async Task Device_that_every_kernel_has_is_given_under_its_new_name()
    {
        (await RunAsync(c => c.Devices.Add(new Device
        {
            HostPath = "/dev/zero",
            ContainerPath = "/dev/nought",
            Permissions = "rwm"
        }), "head -c 4 /dev/nought | wc -c"))
            .Should().Be("4\n");
    }

    /// <summary>As VPNs do; in a machine, its kernel has to find the driver.</summary>
    [Fact]
    public async Task Device_for_tunnels_makes_one()
    {
        (await RunAsync(
            c =>
            {
                c.Devices.Add(
                    new Device { HostPath = "/dev/net/tun", ContainerPath = "/dev/net/tun", Permissions = "rwm" });
                c.Linux.SecurityContext.Capabilities = new Capability { AddCapabilities = { "NET_ADMIN" } };
            }, "tunctl -t own0 && ip -o link show dev own0 | grep -o own0: && tunctl -d own0 > /dev/null")).Should().EndWith("own0:\n");
    }

    /// <summary>As the static CPU manager of a kubelet does.</summary>
    [MachineFact]
    [Trait("peers", "no")]
    public async Task Processors_are_as_many_as_the_host_has_given_and_change_with_them()
    {
        var config = Pod.NewContainer("sleep", "1000");
        config.Linux.Resources = new LinuxContainerResources
        {
            CpusetCpus = "1",
            CpuQuota = 100_000,
            CpuPeriod = 100_000,
        };
        var id = await Pod.StartAsync(config);

        (await Pod.ShellAsync(id, "nproc")).Should().Be("1\n");
        (await RunAsync(_ => { }, "nproc")).Should().Be("2\n", "who is bound to nothing sees all");
        await UpdateAsync(id, new LinuxContainerResources { CpusetCpus = "0-1" });
        (await Pod.ShellAsync(id, "nproc")).Should().Be("2\n");
        await UpdateAsync(id, new LinuxContainerResources { CpusetCpus = "0" });
        (await Pod.ShellAsync(id, "nproc")).Should().Be("1\n");
        await Pod.RemoveAsync(id);
    }

    [MachineFact]
    public async Task Files_and_processes_are_not_limited_as_a_kernels_first_process_is()
    {
        (await RunAsync(_ => { }, "ulimit -n; ulimit -u")).Should().Be("1048576\nunlimited\n");
        (await Pod.ShellAsync(Container, "ulimit -n")).Should().Be("1048576\n");
    }

    [Fact]
    public async Task Terminal_of_a_container_is_logged()
    {
        var config = Pod.NewContainer("sh", "-c", "tty; echo line");
        config.Tty = true;

        (await Pod.RunToEndAsync(config)).Ok().Should().Contain("/dev/pts/").And.Contain("line");
    }

    /// <summary>The machine's own namespaces are all that there is below the pod's.</summary>
    [MachineFact]
    [Trait("peers", "no")]
    public async Task Host_processes_and_ipc_are_those_of_the_machine_and_not_of_the_host()
    {
        await using var pod = await Pod.RunAsync(Host, c =>
        {
            c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
            c.Linux.SecurityContext.NamespaceOptions.Ipc = NamespaceMode.Node;
        });
        var done = await pod.RunToEndAsync(c =>
        {
            c.Linux.SecurityContext.NamespaceOptions.Pid = NamespaceMode.Node;
            c.Linux.SecurityContext.NamespaceOptions.Ipc = NamespaceMode.Node;
        }, "sh", "-c", "ps -o args | grep -c '[c]ontainerd'; uname -r");

        done.Stdout.Should().StartWith("0\n").And.NotContain(Environment.OSVersion.Version.ToString());
    }

    private async Task UpdateAsync(string id, LinuxContainerResources limits) =>
        await Host.Cri.Runtime.UpdateContainerResourcesAsync(
            new UpdateContainerResourcesRequest { ContainerId = id, Linux = limits }, CriClient.Call());

    private async Task<string> RunAsync(Action<ContainerConfig> change, string line) =>
        (await Pod.RunToEndAsync(change, "sh", "-c", line)).Ok();
}
