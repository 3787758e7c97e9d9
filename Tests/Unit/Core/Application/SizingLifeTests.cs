using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Pods whose machine grows and shrinks with their containers.</summary>
public sealed class SizingLifeTests
{
    private const long Mib = 1024 * 1024;

    [Fact]
    public void Create_when_limited_grows_the_machine_before_the_guest_is_told() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 200, cpus: 1));

        shim.Guest.OnlineMemoryMib.Should().Be(512 + 256);
        shim.Guest.OnlineVcpus.Should().Be(2);
        shim.Host.Calls.Where(
            call => call.StartsWith("machine.", StringComparison.Ordinal) || call is "agent.online" or "agent.create")
            .Should().Equal(
                "agent.create", "machine.add-vcpus", "agent.online", "machine.add-memory", "agent.online",
                "agent.create");
    });

    [Fact]
    public void Create_when_the_pods_annotations_have_promised_it_already_adds_nothing() => Run(async shim =>
    {
        await PodAsync(shim, memoryMib: 300, cpus: 1);
        shim.Hypervisor.Launched.Single().Resources.MemoryMib.Should().Be(812);
        shim.Hypervisor.Launched.Single().Resources.Vcpus.Should().Be(2);

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 100, cpus: 0.5m));
        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(memoryMib: 200, cpus: 0.5m));
        shim.Host.Calls.Should().NotContain("machine.add-memory").And.NotContain("machine.add-vcpus");

        await shim.CreateAsync("c3", ContainerKind.PodContainer, change: Limited(memoryMib: 100));
        shim.Guest.OnlineMemoryMib.Should().Be(812 + 128, "only what exceeds the promise is added, in whole blocks");
    });

    [Fact]
    public void Create_when_another_container_is_gone_takes_its_room() => Run(async shim =>
    {
        await PodAsync(shim);
        for (var i = 0; i < 20; i++)
        {
            await shim.CreateAsync($"c{i}", ContainerKind.PodContainer, "hello", change: Limited(memoryMib: 256));
            await shim.StartAsync($"c{i}");
            await shim.WaitAsync($"c{i}");
            if (i % 2 == 0)
                await shim.DeleteAsync($"c{i}");
        }

        shim.Guest.OnlineMemoryMib.Should().Be(768, "an ended container is promised nothing");
    });

    [Fact]
    public void Create_when_many_are_limited_finds_room_for_all_of_them_in_few_slots() => Run(async shim =>
    {
        await PodAsync(shim);
        for (var i = 0; i < 50; i++)
            await shim.CreateAsync($"c{i}", ContainerKind.PodContainer, change: Limited(memoryMib: 64));

        shim.Guest.OnlineMemoryMib.Should().BeGreaterThanOrEqualTo(512 + (50 * 64));
        shim.Host.Calls.Count(call => call == "machine.add-memory").Should().BeLessThanOrEqualTo(10);
    });

    [Fact]
    public void Create_when_memory_is_beyond_the_maximum_is_refused_and_others_live_on() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");

        var refused = await Refusal.OfAsync(
            () => shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(memoryMib: 5000)));

        refused.Kind.Should().Be(ErrorKind.ResourceExhausted);
        refused.Message.Should().Contain("5512 MiB").And.Contain("512 MiB were reached")
            .And.Contain("default_maxmemory allows 4096 MiB");
        shim.Host.Calls.Should().NotContain("machine.add-memory");
        shim.Guest.Containers.Should().HaveCount(2);
        (await shim.StateAsync("c1")).Status.Should().Be(Kata.Core.Application.Processes.ProcessStatus.Running);
        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(memoryMib: 100));
    });

    [Fact]
    public void Pod_when_beyond_the_maximum_is_refused_before_anything_is_started() => Run(async shim =>
    {
        var refused = await Refusal.OfAsync(() => PodAsync(shim, memoryMib: 5000));

        refused.Kind.Should().Be(ErrorKind.ResourceExhausted);
        shim.Hypervisor.Launched.Should().BeEmpty();
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Pod_when_its_cgroup_has_no_room_for_a_machine_is_refused_before_one_is_started() => Run(async shim =>
    {
        shim.Cgroup.Limit = 100 * Mib;

        var refused = await Refusal.OfAsync(() => PodAsync(shim));

        refused.Kind.Should().Be(ErrorKind.InvalidArgument);
        refused.Message.Should().Contain("allows 100 MiB").And.Contain("160 MiB").And.Contain("overhead.podFixed");
        shim.Hypervisor.Launched.Should().BeEmpty();
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Pod_when_its_cgroup_has_less_room_than_its_machine_starts_and_is_warned_of() => Run(async shim =>
    {
        shim.Cgroup.Limit = 400 * Mib;

        await PodAsync(shim);

        shim.Log.Lines.Select(line => line.Text)
            .Should().Contain(text => text.StartsWith("the pod's cgroup allows 400 MiB"));
    });

    [Theory]
    [InlineData("machine.add-memory", 1)]
    [InlineData("agent.online", 1)]
    public void Create_when_memory_cannot_be_added_is_refused_and_can_be_tried_again(string call, int occurrence) =>
        Run(async shim =>
    {
        await PodAsync(shim);
        shim.Host.Faults.Add(new Fault(call, occurrence, FaultKind.Fail) { Error = ErrorKind.FailedPrecondition });

        var refused = await Refusal.OfAsync(
            () => shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 200)));

        refused.Kind.Should().Be(ErrorKind.ResourceExhausted);
        refused.Message.Should().Contain("712 MiB").And.Contain("by the schedule");
        shim.Guest.Containers.Should().ContainSingle();
        shim.Host.Held.Should().NotContain(held => held.Owner != null && held.Owner.Value == "c1");
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 200));
        shim.Guest.OnlineMemoryMib.Should().Be(768);
    });

    [Fact]
    public void Create_when_a_vcpu_cannot_be_added_goes_on_and_says_so() => Run(async shim =>
    {
        await PodAsync(shim);
        shim.Host.Faults.Add(
            new Fault("machine.add-vcpus", 1, FaultKind.Fail) { Error = ErrorKind.FailedPrecondition });

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(cpus: 1));

        shim.Log.Lines.Select(line => line.Text)
            .Should().Contain(text => text.StartsWith("vCPU hot-plug failed, 1 of 2 vCPUs are there: "));
    });

    [Fact]
    public void Create_when_the_guest_brings_fewer_vcpus_online_goes_on_and_says_so() => Run(async shim =>
    {
        await PodAsync(shim);
        shim.Guest.MaxOnlineVcpus = 1;

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 100, cpus: 1));

        shim.Guest.OnlineMemoryMib.Should().Be(640);
        shim.Log.Lines.Select(line => line.Text)
            .Should().Contain(text => text.Contains("1 of 2 processors are online"));
    });

    [Fact]
    public void Create_when_more_vcpus_are_asked_for_than_there_are_has_as_many_and_says_so() => Run(async shim =>
    {
        await PodAsync(shim);

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(cpus: 1000));

        shim.Guest.OnlineVcpus.Should().Be(2);
        shim.Log.Lines.Select(line => line.Text)
            .Should().Contain(text => text.StartsWith("the CPU limits ask for 1001 vCPUs, 2 is the most"));
    });

    [Theory]
    [InlineData("machine.add-memory")]
    [InlineData("machine.add-vcpus")]
    [InlineData("agent.online")]
    public void Create_when_the_machine_dies_as_it_grows_is_refused_and_leaves_a_clean_host(string call) =>
        Run(async shim =>
    {
        await PodAsync(shim);
        shim.Host.Faults.Add(new Fault(call, 1, FaultKind.MachineDies));

        var refused = await Refusal.OfAsync(
            () => shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 200, cpus: 1)));

        refused.Kind.Should().Be(ErrorKind.Unavailable);
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Create_when_the_guest_hangs_as_it_grows_ends_at_the_deadline() => Run(async shim =>
    {
        await PodAsync(shim);
        shim.Host.Faults.Add(new Fault("agent.online", 1, FaultKind.Hang));

        (await Refusal.OfAsync(() => shim.CreateAsync("c1", ContainerKind.PodContainer,
            change: Limited(memoryMib: 200))))
            .Kind.Should().BeOneOf(ErrorKind.DeadlineExceeded, ErrorKind.ResourceExhausted);

        await shim.CreateAsync("c2", ContainerKind.PodContainer);
    });

    [Fact]
    public void Create_when_sizes_are_fixed_leaves_the_machine_as_it_is() => Run(async shim =>
    {
        shim.Settings.Settings = shim.Settings.Settings with { StaticSandboxResources = true };
        await PodAsync(shim, memoryMib: 100);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 8000, cpus: 4));

        shim.Hypervisor.Launched.Single()
            .Resources.Should().Be(new Kata.Core.Domain.Machines.VmResources(1, 1, 612, 612, 0));
        shim.Host.Calls.Should().NotContain(call => call.StartsWith("machine.add", StringComparison.Ordinal));
    });

    [Fact]
    public void Create_when_the_machine_cannot_grow_leaves_it_as_it_is() => Run(async shim =>
    {
        shim.Hypervisor.CanGrow = false;
        await PodAsync(shim);

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 8000, cpus: 4));
    });

    [Fact]
    public void Create_when_limits_are_nonsense_is_refused_before_anything_is_touched() => Run(async shim =>
    {
        await PodAsync(shim);
        var before = shim.Host.Calls.Count;

        var refused = await Refusal.OfAsync(
            () => shim.CreateAsync(
                "c1", ContainerKind.PodContainer, change: With(new OciResources { Cpu = new OciCpu { Period = 7 } })));

        refused.Kind.Should().Be(ErrorKind.InvalidArgument);
        refused.Message.Should().Contain("linux.resources.cpu.period is 7");
        shim.Host.Calls.Skip(before).Should().Equal("bundle.read");
    });

    [Fact]
    public void Update_when_raised_grows_the_machine_first_and_shrinks_its_vcpus_when_lowered() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");

        await shim.UpdateAsync("c1", Limits(memoryMib: 300, cpus: 1));
        shim.Guest.OnlineMemoryMib.Should().Be(512 + 384);
        shim.Guest.Vcpus.Should().Be(2);
        shim.Host.Calls.Should().ContainInOrder("machine.add-vcpus", "machine.add-memory", "agent.update");

        await shim.UpdateAsync("c1", new OciResources { Cpu = new OciCpu { Quota = -1 } });
        shim.Guest.Vcpus.Should().Be(1);
        shim.Guest.MemoryMib.Should().Be(896, "memory is never taken away");

        await shim.UpdateAsync("c1", Limits(memoryMib: 384));
        shim.Host.Calls.Count(call => call == "machine.add-memory").Should().Be(1);
    });

    [Fact]
    public void Cpusets_of_the_containers_together_bind_the_sandbox_on_the_host() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync(
            "c1", ContainerKind.PodContainer, change: With(new OciResources { Cpu = new OciCpu { Cpus = "0" } }));
        await shim.StartAsync("c1");
        shim.Host.BoundTo!.Cpus.Should().Be("0");
        await shim.CreateAsync(
            "c2", ContainerKind.PodContainer,
            change: With(new OciResources { Cpu = new OciCpu { Cpus = "1", Mems = "0" } }));
        (shim.Host.BoundTo!.Cpus, shim.Host.BoundTo.Mems).Should().Be(("0-1", "0"));
        await shim.UpdateAsync("c1", new OciResources { Cpu = new OciCpu { Cpus = "1" } });

        shim.Host.BoundTo!.Cpus.Should().Be("1");
        shim.Host.Faults.Add(new Fault("cgroup.apply", 4, FaultKind.Fail) { Error = ErrorKind.InvalidArgument });
        (await Refusal.OfAsync(() => shim.UpdateAsync("c1", new OciResources { Cpu = new OciCpu { Cpus = "0" } })))
            .Kind.Should().Be(ErrorKind.InvalidArgument);
    });

    [Fact]
    public void Create_when_bound_to_cpus_of_the_host_sees_as_many_vcpus_each_container_others() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: With(Bound("1", cpus: 1)));
        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: With(Bound("1")));
        await shim.CreateAsync("c3", ContainerKind.PodContainer, change: With(Bound("0-63")));
        await shim.CreateAsync("c4", ContainerKind.PodContainer);

        shim.Guest.OnlineVcpus.Should().Be(2);
        Vcpus(shim, "c1").Should().Be("0");
        Vcpus(shim, "c2").Should().Be("1");
        Vcpus(shim, "c3").Should().Be("0-1", "there are no more");
        Vcpus(shim, "c4").Should().BeEmpty();
    });

    [Fact]
    public void Create_when_a_bound_container_makes_the_machine_is_on_vcpus_that_are_online() => Run(async shim =>
    {
        await shim.CreateAsync("pod", change: With(Bound("1", cpus: 1)));

        shim.Guest.OnlineVcpus.Should().Be(2);
        Vcpus(shim, "pod").Should().Be("0");
    });

    [Fact]
    public void Update_when_it_binds_to_other_cpus_sees_as_many_vcpus_once_they_are_online() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: With(Bound("0")));
        await shim.StartAsync("c1");

        await shim.UpdateAsync("c1", Bound("0-1"));
        shim.Guest.OnlineVcpus.Should().Be(2);
        Vcpus(shim, "c1").Should().Be("0-1");

        await shim.UpdateAsync("c1", Bound("1"));
        shim.Guest.Vcpus.Should().Be(1, "the second is not promised any more");
        Vcpus(shim, "c1").Should().Be("0");

        await shim.UpdateAsync("c1", Limits(memoryMib: 128));
        Vcpus(shim, "c1").Should().Be("0");
    });

    [Fact]
    public void Container_that_is_bound_to_more_cpus_than_there_are_vcpus_gets_those_that_come() => Run(async shim =>
    {
        await PodAsync(shim);
        shim.Host.Faults.Add(
            new Fault("machine.add-vcpus", 1, FaultKind.Fail) { Error = ErrorKind.FailedPrecondition });
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: With(Bound("0-1")));
        Vcpus(shim, "c1").Should().Be("0");

        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(cpus: 1));

        shim.Guest.OnlineVcpus.Should().Be(2);
        Vcpus(shim, "c1").Should().Be("0-1");
    });

    [Fact]
    public void Create_when_vcpus_do_not_come_online_is_bound_to_those_that_are() => Run(async shim =>
    {
        await PodAsync(shim);
        shim.Guest.MaxOnlineVcpus = 1;

        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: With(Bound("0-1")));

        Vcpus(shim, "c1").Should().Be("0");
    });

    [Fact]
    public void Create_when_the_guest_does_not_move_another_container_goes_on_and_says_so() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: With(Bound("0")));
        shim.Host.Faults.Add(new Fault("agent.update", 1, FaultKind.Fail) { Error = ErrorKind.Internal });

        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(cpus: 1));

        shim.Log.Lines.Select(line => line.Text)
            .Should().Contain(text => text.StartsWith("cannot set the cpuset of container c1 to vCPUs 0: "));
    });

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void Pod_lives_in_the_cgroups_that_the_settings_say_and_leaves_none(bool only, bool unified) =>
        Run(async shim =>
    {
        shim.Settings.Settings = shim.Settings.Settings with { SandboxCgroupOnly = only };
        shim.Cgroup.IsUnified = unified;
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(cpus: 1));

        shim.Host.Held.Select(held => held.Name)
            .Count(name => name.Contains("/kata_overhead/", StringComparison.Ordinal)).Should().Be(only ? 0 : 1);
        shim.Host.Calls.Count(call => call == "cgroup.move").Should().Be(only || !unified ? 1 : 3);
        shim.Host.Calls.Count(call => call == "cgroup.move-threads").Should().Be(only || unified ? 0 : 2);
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
        shim.Host.Held.Should().BeEmpty();
        shim.Host.ShimIsInCgroup.Should().BeFalse();
    });

    [Fact]
    public void Stats_of_a_container_that_ended_for_lack_of_memory_still_tell_it() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, "hello");
        await shim.StartAsync("c1");
        shim.Guest.RunOutOfMemory(ContainerId.Parse("c1"));
        await shim.WaitAsync("c1");

        var stats = (
            await shim.SendAsync(new Kata.Core.Application.Containers.GetContainerStats(ContainerId.Parse("c1")))).Stats;

        stats.Memory.OutOfMemoryKills.Should().Be(1);
        stats.Cpu.Total.Should().Be(0);
    });

    [Fact]
    public void Update_when_memory_cannot_be_had_is_refused_and_changes_nothing() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 100));
        await shim.StartAsync("c1");

        (await Refusal.OfAsync(() => shim.UpdateAsync("c1", Limits(memoryMib: 6000))))
            .Kind.Should().Be(ErrorKind.ResourceExhausted);

        shim.Host.Calls.Should().NotContain("agent.update");
        await shim.UpdateAsync("c1", Limits(memoryMib: 128));
    });

    [Fact]
    public void Update_when_the_guest_refuses_promises_what_was_promised_before() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, change: Limited(memoryMib: 100));
        await shim.StartAsync("c1");
        shim.Host.Faults.Add(new Fault("agent.update", 1, FaultKind.Fail) { Error = ErrorKind.InvalidArgument });

        (await Refusal.OfAsync(() => shim.UpdateAsync("c1", Limits(memoryMib: 256))))
            .Kind.Should().Be(ErrorKind.InvalidArgument);

        await shim.CreateAsync("c2", ContainerKind.PodContainer, change: Limited(memoryMib: 156));
        shim.Host.Calls.Count(call => call == "machine.add-memory")
            .Should().Be(2, "the room of the refused update is there for others");
    });

    [Fact]
    public void Update_when_nonsense_or_not_running_is_refused_with_its_kind() => Run(async shim =>
    {
        await PodAsync(shim);
        await shim.CreateAsync("c1", ContainerKind.PodContainer, "hello");
        (await Refusal.OfAsync(() => shim.UpdateAsync("c1", new OciResources
        {
            Memory = new OciMemory { Limit = -5 }
        }))).Kind.Should().Be(ErrorKind.InvalidArgument);
        (await Refusal.OfAsync(() => shim.UpdateAsync("nobody", Limits(memoryMib: 1))))
            .Kind.Should().Be(ErrorKind.NotFound);
        await shim.StartAsync("c1");
        await shim.WaitAsync("c1");

        (await Refusal.OfAsync(() => shim.UpdateAsync("c1", Limits(memoryMib: 1))))
            .Kind.Should().Be(ErrorKind.FailedPrecondition);
    });

    private static void Run(Func<HarnessShim, Task> scenario) => HarnessShim.Run(shim =>
    {
        var settings = shim.Settings.Settings;
        shim.Settings.Settings = settings with
        {
            Hypervisor = settings.Hypervisor with { MaxVcpus = 2, MaxMemoryMib = 4096 }
        };
        return scenario(shim);
    });

    private static async Task PodAsync(HarnessShim shim, long memoryMib = 0, decimal cpus = 0)
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, change: spec => spec with
        {
            Annotations = new Dictionary<string, string>(spec.Annotations)
            {
                ["io.kubernetes.cri.sandbox-memory"] = $"{memoryMib * Mib}",
                ["io.kubernetes.cri.sandbox-cpu-quota"] = $"{(long)(cpus * 100_000)}",
                ["io.kubernetes.cri.sandbox-cpu-period"] = "100000",
            },
        });
        await shim.StartAsync("pod");
        shim.State.Should().Be(SandboxState.Ready);
    }

    private static Func<OciSpec, OciSpec> Limited(long? memoryMib = null, decimal? cpus = null) =>
        With(Limits(memoryMib, cpus));

    private static Func<OciSpec, OciSpec> With(OciResources limits) =>
        spec => spec with { Linux = spec.Linux! with { Resources = limits } };

    private static string Vcpus(HarnessShim shim, string id) => shim.Guest.Containers[ContainerId.Parse(id)].Vcpus;

    private static OciResources Bound(string hostCpus, decimal? cpus = null) =>
        new() { Cpu = Limits(cpus: cpus).Cpu! with { Cpus = hostCpus } };

    private static OciResources Limits(long? memoryMib = null, decimal? cpus = null) => new()
    {
        Memory = new OciMemory { Limit = memoryMib * Mib },
        Cpu = new OciCpu { Quota = cpus is null ? null : (long)(cpus * 100_000), Period = 100_000 },
    };
}
