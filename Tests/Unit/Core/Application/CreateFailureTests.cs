using System.Text.RegularExpressions;
using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>
/// A creation that fails at any port call, in any way, is one error with its phase, and the host is as before.
/// </summary>
public sealed partial class CreateFailureTests
{
    // What the container manager allows for a creation, its undo included: the budget of the settings and the undo's.
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(60 + 5);

    public static TheoryData<FaultKind> Kinds => [.. Enum.GetValues<FaultKind>()];

    [GeneratedRegex("failed in phase [a-z-]+ after [0-9.]+ s: .+")]
    private static partial Regex PhaseSentence { get; }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Create_when_a_port_call_goes_wrong_is_one_error_with_its_phase_and_leaves_the_host_as_before(
        FaultKind kind)
    {
        var calls = CallsOf(ContainerKind.Single, before: null);
        calls.Should().HaveCountGreaterThan(15);

        for (var at = 1; at <= calls.Count; at++)
        {
            var shim = new HarnessShim(new FaultSchedule(new Fault("*", at, kind)), "box");
            shim.Run(async () =>
            {
                KataException? failure = null;
                try
                {
                    await shim.CreateAsync("box", change: Busy);
                }
                catch (KataException e)
                {
                    failure = e;
                }

                var where = $"{kind} at call {at}, {calls[at - 1]}";
                shim.Time.Elapsed.Should().BeLessThan(Most, where);
                if (failure is null)
                {
                    await shim.StopAsync();
                    await shim.DeleteAsync("box");
                }
                else
                {
                    failure.Message.Should().MatchRegex(PhaseSentence, where);
                    shim.Events.Facts.Should().NotContain(fact => fact is ContainerCreated, where);
                }

                shim.Host.Leftovers().Should().BeEmpty(where);
                if (failure is not null)
                {
                    (await shim.ShutDownAsync()).Should().BeTrue(where);
                    await shim.Ended;
                }
            });
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Create_of_a_pods_container_when_a_port_call_goes_wrong_leaves_the_pod_as_before(FaultKind kind)
    {
        var calls = CallsOf(ContainerKind.PodContainer, shim => shim.CreateAsync("pod", ContainerKind.PodSandbox));

        for (var at = 1; at <= calls.Count; at++)
        {
            var shim = new HarnessShim();
            shim.Run(async () =>
            {
                await shim.CreateAsync("pod", ContainerKind.PodSandbox);
                await shim.StartAsync("pod");
                var before = shim.Host.Leftovers().ToList();
                var begin = shim.Time.Elapsed;
                shim.Host.Faults.Add(new Fault("*", shim.Host.Calls.Count + at, kind));
                KataException? failure = null;
                try
                {
                    await shim.CreateAsync("box", ContainerKind.PodContainer, change: Busy);
                }
                catch (KataException e)
                {
                    failure = e;
                }

                var where = $"{kind} at call {at}, {calls[at - 1]}";
                (shim.Time.Elapsed - begin).Should().BeLessThan(Most, where);
                if (failure is not null
                    && kind is not (
                        FaultKind.MachineDies or FaultKind.FileDaemonDies or FaultKind.MachineDiesAfterFileDaemon
                            or FaultKind.ConnectionLost))
                {
                    failure.Message.Should().MatchRegex(PhaseSentence, where);
                    shim.Host.Leftovers().Should().Equal(before, where);
                    shim.Host.DiskIsFull = false;
                    if (shim.Guest.Answers)
                        await shim.CreateAsync("box", ContainerKind.PodContainer, change: Busy);
                }

                await shim.StopAsync();
                await shim.DeleteAsync("pod");
                shim.Host.Leftovers().Where(left => !left.Contains("streams", StringComparison.Ordinal))
                    .Should().BeEmpty(where);
            });
        }
    }

    [Fact]
    public void Create_when_another_shim_has_the_sandbox_names_it_and_leaves_its_directory() =>
        HarnessShim.Run(async shim =>
    {
        shim.Store.HoldByOther(shim.Sandbox, new("other", "/run/other.sock"), alive: true);
        var before = shim.Host.Leftovers().ToList();

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.AlreadyExists);
        failure.Message.Should().Contain("phase claim").And.Contain("/run/other.sock");
        shim.Host.Leftovers().Should().Equal(before);
    });

    [Fact]
    public void Create_when_the_machine_dies_tells_its_end_and_the_last_lines_of_its_console() =>
        HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.Unavailable);
        failure.Message.Should().Contain("phase agent").And.Contain("signal 9")
            .And.Contain("the last line of the console");
        failure.Report!.Phases.Select(phase => phase.Name).Should().Contain("launch-vmm");
        shim.Time.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1));
    }, new FaultSchedule(new Fault("agent.connect", 1, FaultKind.MachineDies)));

    [Fact]
    public void Create_when_the_machine_dies_and_its_file_daemons_end_is_noticed_first_tells_the_machines_end() =>
        HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Message.Should().Contain("phase agent").And.Contain("signal 9").And.NotContain("file daemon");
    }, new FaultSchedule(new Fault("agent.connect", 1, FaultKind.MachineDiesAfterFileDaemon)));

    [Fact]
    public void Create_when_the_agent_never_answers_ends_with_the_dial_timeout() => HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain("dial_timeout");
        shim.Time.Elapsed.Should().BeCloseTo(TimeSpan.FromSeconds(45), TimeSpan.FromSeconds(1));
    }, new FaultSchedule(new Fault("agent.connect", 1, FaultKind.AgentHangs)));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Create_when_a_volumes_filesystem_does_not_answer_ends_with_the_timeout_and_names_the_path(int look) =>
        HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod", change: Busy));

        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain("create_container_timeout").And.Contain("/host/data does not answer");
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("files.look", look, FaultKind.Hang)));

    [Fact]
    public void Create_when_a_busy_host_keeps_the_machine_waiting_takes_longer_and_succeeds() =>
        HarnessShim.Run(async shim =>
    {
        // 100 s, of which the machine could use 40.
        shim.Hypervisor.KeptWaiting = 0.6;
        var creating = shim.CreateAsync("pod");
        while (shim.Host.Machine is null)
            await shim.Time.Delay(TimeSpan.FromMilliseconds(1));
        shim.Host.Machine.Guest.BootTime = TimeSpan.FromSeconds(100);

        await creating;

        shim.Time.Elapsed.Should().BeGreaterThan(TimeSpan.FromSeconds(100));
        shim.Log.Lines.Should().NotContain(line => line.Level >= LogLevel.Warning);
    });

    [Theory]
    [InlineData(0.5, 90, 45)]
    [InlineData(0.95, 180, 171)]
    public void Create_when_the_agent_never_answers_on_a_busy_host_ends_all_the_same_and_tells_both_times(
        double share, int after, int waited) =>
        HarnessShim.Run(async shim =>
        {
            shim.Hypervisor.KeptWaiting = share;

            var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

            failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
            failure.Message.Should().Contain("45 s (dial_timeout)").And.Contain($"and {waited} s more")
                .And.Contain("180 s in all");
            shim.Time.Elapsed.Should().BeCloseTo(TimeSpan.FromSeconds(after), TimeSpan.FromSeconds(2));
            shim.Host.Leftovers().Should().BeEmpty();
        }, new FaultSchedule(new Fault("agent.connect", 1, FaultKind.AgentHangs)));

    [Fact]
    public void Create_in_a_pod_that_was_kept_waiting_long_ago_has_no_more_time_than_others() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        shim.Host.Machine!.WaitedBefore = TimeSpan.FromMinutes(10);
        var begin = shim.Time.Elapsed;
        shim.Host.Faults.Add(new Fault("stdio.open", 2, FaultKind.Hang));

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("one", ContainerKind.PodContainer));

        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        (shim.Time.Elapsed - begin).Should().BeCloseTo(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1));
    });

    [Fact]
    public void Create_when_the_root_cannot_be_mounted_does_not_wait_for_the_agent() => HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Message.Should().Contain("phase prepare").And.Contain("rootfs.mount");
        failure.Kind.Should().Be(ErrorKind.PermissionDenied);
        shim.Time.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(1));
    }, new FaultSchedule(
        new Fault("agent.connect", 1, FaultKind.AgentHangs),
        new Fault("rootfs.mount", 1, FaultKind.Fail) { Error = ErrorKind.PermissionDenied }));

    [Fact]
    public void Create_when_its_caller_leaves_is_undone() => HarnessShim.Run(async shim =>
    {
        using var leaves = new CancellationTokenSource(TimeSpan.FromMilliseconds(300), shim.Time);

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod", ct: leaves.Token));

        failure.Kind.Should().Be(ErrorKind.Aborted);
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Create_when_the_undo_fails_tells_the_failure_that_made_it_necessary() => HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Message.Should().Contain("agent.create fails");
        shim.Store.LedgerOf(shim.Sandbox)!.Read().IsEmpty.Should().BeFalse();
        shim.Log.Lines.Should().Contain(line => line.Text.Contains("did not release", StringComparison.Ordinal));
        await shim.StopAsync();
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("agent.create", 1, FaultKind.Fail),
    new Fault("releaser.release", 1, FaultKind.Fail)));

    [Fact]
    public void Create_when_the_budget_of_the_settings_ends_says_so() => HarnessShim.Run(async shim =>
    {
        shim.Settings.Settings = shim.Settings.Settings with { CreateContainerTimeout = TimeSpan.FromSeconds(10) };

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain("create_container_timeout").And.Contain("phase assets");
        shim.Time.Elapsed.Should().BeCloseTo(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1));
    }, new FaultSchedule(new Fault("assets.find", 1, FaultKind.Hang)));

    [Fact]
    public void Create_when_the_hypervisor_is_unknown_names_those_that_are() => HarnessShim.Run(async shim =>
    {
        shim.Settings.Settings = shim.Settings.Settings with
        {
            Hypervisor = shim.Settings.Settings.Hypervisor with { Name = "bochs" }
        };

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.InvalidArgument);
        failure.Message.Should().Contain("bochs").And.Contain("qemu").And.Contain("the harness");
    });

    [Fact]
    public void Create_when_a_file_of_the_guest_is_missing_names_key_and_remedy() => HarnessShim.Run(async shim =>
    {
        shim.Assets.Missing.Add("/boot/initrd");

        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.NotFound);
        failure.Message.Should().Contain("phase assets").And.Contain("/boot/initrd");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Create_when_the_id_is_in_use_is_refused_and_the_first_lives_on() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);

        (await Refusal.OfAsync(() => shim.CreateAsync("pod", ContainerKind.PodSandbox)))
            .Kind.Should().Be(ErrorKind.AlreadyExists);

        await shim.StartAsync("pod");
        shim.State.Should().Be(SandboxState.Ready);
    });

    [Theory]
    [InlineData("uidmap=0:65536:65536")]
    [InlineData("gidmap=0:65536:65536")]
    public void Create_when_the_roots_owners_are_to_be_mapped_is_refused_before_a_machine_is_started(string option) =>
        HarnessShim.Run(async shim =>
    {
        var root = new MountSpec("overlay", "overlay", "", ["lowerdir=/a:/b", option]);

        var failure = await Refusal.OfAsync(
            () => shim.SendAsync(
                new CreateContainer(
                    ContainerId.Parse("pod"), shim.Bundle("pod"), [root], new Stdio("", "", "", false), null)));

        failure.Kind.Should().Be(ErrorKind.Unimplemented);
        failure.Message.Should().Contain("user namespace");
        shim.Host.Machine.Should().BeNull();
    });

    // As Docker does with userns-remap: it has given the root's files their owners itself.
    [Fact]
    public void Create_when_a_user_namespace_is_asked_for_is_refused_before_a_machine_is_started() =>
        HarnessShim.Run(async shim =>
    {
        var failure = await Refusal.OfAsync(() => shim.CreateAsync("pod", change: spec => spec with
        {
            Linux = spec.Linux! with
            {
                Namespaces = [.. spec.Linux.Namespaces, new OciNamespace { Type = "user" }],
                UidMappings = [new OciIdMapping { ContainerId = 0, HostId = 165536, Size = 65536 }],
            },
        }));

        failure.Kind.Should().Be(ErrorKind.Unimplemented);
        failure.Message.Should().Contain("user namespace").And.Contain("--userns=host");
        shim.Host.Machine.Should().BeNull();
    });

    [Fact]
    public void Create_when_the_container_belongs_to_another_sandbox_is_refused() => HarnessShim.Run(async shim =>
    {
        (await Refusal.OfAsync(() => shim.CreateAsync("stranger"))).Kind.Should().Be(ErrorKind.InvalidArgument);
        shim.State.Should().Be(SandboxState.New);
    });

    [Fact]
    public void Create_of_a_pods_container_before_its_sandbox_is_refused() => HarnessShim.Run(async shim =>
    {
        (await Refusal.OfAsync(() => shim.CreateAsync("c1", ContainerKind.PodContainer)))
            .Kind.Should().Be(ErrorKind.FailedPrecondition);
        shim.Host.Leftovers().Should().BeEmpty();
    });

    // Something of everything: a hook, a shared file, a second CPU.
    private static OciSpec Busy(OciSpec spec) => spec with
    {
        Hooks = new OciHooks { CreateRuntime = [new OciHook { Path = "/bin/hook" }] },
        Mounts = [new OciMount
        {
            Destination = "/data",
            Type = "bind",
            Source = "/host/data",
            Options = ["rbind", "ro"]
        }],
    };

    private static List<string> CallsOf(ContainerKind kind, Func<HarnessShim, Task>? before)
    {
        var calls = new List<string>();
        HarnessShim.Run(async shim =>
        {
            if (before is not null)
                await before(shim);
            var first = shim.Host.Calls.Count;
            await shim.CreateAsync("box", kind, change: Busy);
            calls.AddRange(shim.Host.Calls.Skip(first));
        }, sandbox: before is null ? "box" : "pod");
        return calls;
    }
}
