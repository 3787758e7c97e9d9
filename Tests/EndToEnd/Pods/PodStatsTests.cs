using FluentAssertions;
using Kata.Platform.Protos.Containerd.Cri;
using Kata.Tests.Cri;
using Kata.Tests.Cri.Protos;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.EndToEnd.Host;
using Xunit;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>Figures and limits, as kubelet reads and sets them.</summary>
public sealed class PodStatsTests(PodHost host, SharedPodLife life) : SharedPodTest(host, life)
{
    private const long Megabyte = 1 << 20;

    [Fact]
    public async Task Stats_of_a_container_are_its_own_and_grow()
    {
        var id = await Pod.StartAsync(
            Pod.NewContainer("sh", "-c", "head -c 20000000 /dev/zero > /dev/shm/big; while :; do :; done"));

        var before = await StatsAsync(id);
        var after = before;
        await Until.TrueAsync(
            async () => (after = await StatsAsync(id))
                .Cpu.UsageCoreNanoSeconds.Value > before.Cpu.UsageCoreNanoSeconds.Value
                && after.Memory.WorkingSetBytes.Value > 10 * Megabyte,
            TimeSpan.FromSeconds(20), () => $"stats do not grow: {after}");

        after.Attributes.Id.Should().Be(id);
        after.Memory.WorkingSetBytes.Value.Should().BeLessThan(300 * Megabyte);
        // It sleeps: its own share stays small though the container beside it works.
        (await StatsAsync(Container)).Memory.WorkingSetBytes.Value.Should().BeLessThan(15 * Megabyte);
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Stats_are_listed_by_pod_and_by_container()
    {
        var second = await Pod.StartAsync(Pod.NewContainer());
        await using var other = await Pod.RunAsync(Host, handler: "runc");
        await other.StartAsync(other.NewContainer());

        (await ListAsync(new ContainerStatsFilter { PodSandboxId = Pod.Id }))
            .Should().BeEquivalentTo(Container, second);
        (await ListAsync(new ContainerStatsFilter { Id = second })).Should().Equal(second);
        (await ListAsync(new ContainerStatsFilter { Id = second, PodSandboxId = Pod.Id })).Should().Equal(second);
        (await ListAsync(new ContainerStatsFilter { Id = second, PodSandboxId = other.Id })).Should().BeEmpty();
        await Pod.RemoveAsync(second);
    }

    [Fact]
    public async Task Stats_of_the_pod_name_it_and_its_containers()
    {
        var stats = (
            await Host.Cri.Runtime.PodSandboxStatsAsync(
                new PodSandboxStatsRequest { PodSandboxId = Pod.Id }, CriClient.Call())).Stats;

        stats.Attributes.Id.Should().Be(Pod.Id);
        stats.Linux.Containers.Select(c => c.Attributes.Id).Should().Contain(Container);
        stats.Linux.Memory.WorkingSetBytes.Value.Should().BePositive();
    }

    [Fact]
    public async Task Limits_are_those_asked_and_change_while_the_container_runs()
    {
        var config = Pod.NewContainer();
        config.Linux.Resources = new LinuxContainerResources
        {
            MemoryLimitInBytes = 64 * Megabyte,
            CpuPeriod = 100000,
            CpuQuota = 50000,
            CpuShares = 512
        };
        var id = await Pod.StartAsync(config);

        (await LimitsAsync(id)).Should().Be($"{64 * Megabyte} 50000 100000");

        await UpdateAsync(
            id,
            new LinuxContainerResources { MemoryLimitInBytes = 96 * Megabyte, CpuPeriod = 100000, CpuQuota = 25000 });
        (await LimitsAsync(id)).Should().Be($"{96 * Megabyte} 25000 100000");
        await Pod.RemoveAsync(id);
    }

    [Fact]
    public async Task Container_that_takes_more_memory_than_its_limit_is_told_as_killed_for_it()
    {
        var config = Pod.NewContainer("sh", "-c", "head -c 100000000 /dev/zero | tail");
        config.Linux.Resources = new LinuxContainerResources { MemoryLimitInBytes = 20 * Megabyte };
        var id = await Pod.StartAsync(config);

        var status = await Pod.ExitedAsync(id);
        status.Reason.Should().Be("OOMKilled");
        await Pod.RemoveAsync(id);
        (await Pod.ShellAsync(Container, "echo alive")).Should().Be("alive\n");
    }

    private async Task<string> LimitsAsync(string id) => (await Pod.ShellAsync(id,
        """
        cd /sys/fs/cgroup
        if [ -f memory.max ]; then echo $(cat memory.max cpu.max); else echo $(cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); fi
        """)).TrimEnd();

    private async Task UpdateAsync(string id, LinuxContainerResources resources) =>
        await Host.Cri.Runtime.UpdateContainerResourcesAsync(
            new UpdateContainerResourcesRequest { ContainerId = id, Linux = resources }, CriClient.Call());

    private async Task<ContainerStats> StatsAsync(string id) =>
        (await Host.Cri.Runtime.ContainerStatsAsync(new ContainerStatsRequest { ContainerId = id }, CriClient.Call()))
            .Stats;

    private async Task<IEnumerable<string>> ListAsync(ContainerStatsFilter filter) =>
        (await Host.Cri.Runtime.ListContainerStatsAsync(new ListContainerStatsRequest
        {
            Filter = filter
        }, CriClient.Call())).Stats.Select(s => s.Attributes.Id);
}
