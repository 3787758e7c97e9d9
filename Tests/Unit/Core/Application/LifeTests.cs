using FluentAssertions;
using Kata.Core.Application.Containers;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Processes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Lives of containers and pods on the whole core.</summary>
public sealed class LifeTests
{
    [Fact]
    public void Life_of_a_single_container_leaves_a_clean_host_and_ends_the_shim() => HarnessShim.Run(async shim =>
    {
        var pid = (await shim.CreateAsync("pod", program: "hello")).Pid;
        (await shim.StartAsync("pod")).Pid.Should().Be(pid);
        (await shim.WaitAsync("pod")).Code.Should().Be(3);
        var deleted = await shim.DeleteAsync("pod");
        (await shim.ShutDownAsync()).Should().BeTrue();
        await shim.Ended;

        deleted.Exit.Code.Should().Be(3);
        deleted.Pid.Should().Be(pid);
        shim.State.Should().Be(SandboxState.Stopped);
        shim.Host.Leftovers().Should().BeEmpty();
        shim.Time.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2));
    });

    [Fact]
    public void Life_of_a_pod_survives_its_containers_and_leaves_a_clean_host() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        for (var i = 0; i < 5; i++)
        {
            await shim.CreateAsync($"c{i}", ContainerKind.PodContainer, "hello");
            await shim.StartAsync($"c{i}");
            (await shim.WaitAsync($"c{i}")).Code.Should().Be(3);
            await shim.DeleteAsync($"c{i}");
        }

        shim.Host.Held.Should().NotContain(held => held.Owner != null && held.Owner.Value != "pod");
        shim.Guest.Containers.Should().ContainSingle();
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Theory]
    [InlineData(ContainerKind.Single)]
    [InlineData(ContainerKind.PodSandbox)]
    public void Delete_when_never_started_ends_the_sandbox(ContainerKind kind) => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", kind);

        await shim.DeleteAsync("pod");

        shim.State.Should().Be(SandboxState.Stopped);
        shim.Host.Leftovers().Should().BeEmpty();
        (await Refusal.OfAsync(() => shim.DeleteAsync("pod"))).Kind.Should().Be(ErrorKind.NotFound);
    });

    [Fact]
    public void Delete_when_running_is_refused() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        (await Refusal.OfAsync(() => shim.DeleteAsync("pod"))).Kind.Should().Be(ErrorKind.FailedPrecondition);
    });

    [Fact]
    public void Delete_when_another_one_is_under_way_waits_for_it_and_answers_not_found() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");

        var first = shim.DeleteAsync("pod");
        var second = Refusal.OfAsync(() => shim.DeleteAsync("pod"));

        await first;
        (await second).Kind.Should().Be(ErrorKind.NotFound);
        (await shim.ShutDownAsync()).Should().BeTrue();
    });

    [Fact]
    public void Delete_when_the_release_failed_can_be_tried_again() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        (await Refusal.OfAsync(() => shim.DeleteAsync("pod"))).Kind.Should().Be(ErrorKind.Internal);

        await shim.DeleteAsync("pod");

        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("releaser.release", 1, FaultKind.Fail)));

    [Fact]
    public void Delete_when_a_killed_process_does_not_end_says_for_how_long_it_waited_and_who_tries_again() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);

        (await Refusal.OfAsync(() => shim.DeleteAsync("pod"))).Message
            .Should().Contain("still there after 4 s; the next stop or delete, or kata-runtime reap, tries again");

        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("releaser.release", 1, FaultKind.Hang)));

    [Theory]
    [InlineData(9u)]
    [InlineData(15u)]
    public void Kill_when_running_ends_it_with_its_signal(uint signal) => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        await shim.KillAsync("pod", signal: signal);

        (await shim.WaitAsync("pod")).Code.Should().Be(128 + (int)signal);
    });

    [Fact]
    public void Kill_when_paused_thaws_what_must_die() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.PauseAsync("pod");

        await shim.KillAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);
    });

    [Theory]
    [InlineData(ContainerKind.Single)]
    [InlineData(ContainerKind.PodSandbox)]
    public void Kill_when_created_ends_it(ContainerKind kind) => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", kind);

        await shim.KillAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);
        (await Refusal.OfAsync(() => shim.StartAsync("pod"))).Kind.Should().Be(ErrorKind.FailedPrecondition);
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Theory]
    [InlineData(1u)]
    [InlineData(10u)]
    [InlineData(15u)]
    [InlineData(37u)]
    public void Kill_when_created_with_any_signal_that_ends_a_process_ends_it_at_once(uint signal) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        var wait = shim.WaitAsync("c1");

        await shim.KillAsync("c1", signal: signal);

        (await wait.WaitAsync(TimeSpan.FromSeconds(1), shim.Time)).Code.Should().Be(128 + (int)signal);
        shim.Events.Facts.OfType<ProcessExited>().Should().ContainSingle()
            .Which.Exit.Code.Should().Be(128 + (int)signal);
        shim.Guest.Process(ProcessRef.Parse("c1", null)).Signals.Should().Contain(Signal.Kill);
        await shim.DeleteAsync("c1");
    });

    [Theory]
    [InlineData(17u)]
    [InlineData(18u)]
    [InlineData(19u)]
    [InlineData(23u)]
    [InlineData(28u)]
    public void Kill_when_created_with_a_signal_that_ends_nothing_leaves_it(uint signal) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");

        await shim.KillAsync("pod", signal: signal);

        await shim.StartAsync("pod");
        (await shim.StateAsync("pod")).Status.Should().Be(ProcessStatus.Running);
    });

    [Theory]
    [InlineData("kill")]
    [InlineData("delete")]
    [InlineData("shutdown")]
    public void Creation_when_called_off_is_undone_without_waiting_for_the_boot(string how) =>
        HarnessShim.Run(async shim =>
    {
        var creating = shim.CreateAsync("pod");
        await shim.Time.Delay(TimeSpan.FromSeconds(1));
        var begin = shim.Time.Elapsed;

        switch (how)
        {
            case "kill": await shim.KillAsync("pod"); break;
            case "delete": (await shim.DeleteAsync("pod")).Exit.Code.Should().Be(ExitStatus.Killed); break;
            default: await shim.ShutDownAsync(now: true); break;
        }

        (await Refusal.OfAsync(() => creating)).Kind.Should().Be(ErrorKind.Aborted);
        await shim.ShutDownAsync();
        await shim.Ended;
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(5));
        shim.Host.Leftovers().Should().BeEmpty();
        shim.Events.Facts.Should().NotContain(
            fact => fact is ContainerCreated || fact is ProcessExited || fact is ContainerDeleted);
    }, new FaultSchedule(new Fault("agent.connect", 1, FaultKind.AgentHangs)));

    [Fact]
    public void Creation_of_a_pods_container_when_the_sandbox_is_stopped_is_undone() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        shim.Host.Faults.Add(new Fault("agent.create", 2, FaultKind.Hang));
        var creating = shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.Time.Delay(TimeSpan.FromSeconds(1));

        await shim.StopAsync();

        (await Refusal.OfAsync(() => creating)).Kind.Should().Be(ErrorKind.Aborted);
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Start_when_the_program_is_missing_tells_no_exit_and_waiters_get_255() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "nonsense");
        var wait = shim.WaitAsync("pod");

        var failure = await Refusal.OfAsync(() => shim.StartAsync("pod"));

        failure.Message.Should().Be("guest: executable file \"nonsense\" not found in $PATH");
        (await wait).Code.Should().Be(ExitStatus.Unknown);
        shim.Events.Facts.Should().NotContain(fact => fact is ProcessExited);
        (await shim.StateAsync("pod")).Status.Should().Be(ProcessStatus.Stopped);
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Start_of_an_exec_when_the_program_is_missing_leaves_the_container_running() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e", "nonsense");

        await Refusal.OfAsync(() => shim.StartAsync("pod", "e"));

        (await shim.WaitAsync("pod", "e")).Code.Should().Be(ExitStatus.Unknown);
        (await shim.StateAsync("pod")).Status.Should().Be(ProcessStatus.Running);
        await shim.DeleteAsync("pod", "e");
        (await Refusal.OfAsync(() => shim.StateAsync("pod", "e"))).Kind.Should().Be(ErrorKind.NotFound);
    });

    [Theory]
    [InlineData(FaultKind.MachineDies)]
    [InlineData(FaultKind.ConnectionLost)]
    public void Start_when_the_machine_dies_meanwhile_tells_the_loss_and_lets_the_waiters_go(FaultKind kind) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        shim.Host.Faults.Add(new Fault("agent.start", 1, kind));

        var failure = await Refusal.OfAsync(() => shim.StartAsync("pod"));

        failure.Kind.Should().Be(ErrorKind.Unavailable);
        await shim.WaitAsync("pod");
        await shim.StopAsync();
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Start_when_its_caller_leaves_still_counts() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "true");
        using var leaves = new CancellationTokenSource();
        shim.Host.Faults.Add(new Fault("agent.start", 1, FaultKind.Hang));
        var starting = shim.StartAsync("pod", ct: leaves.Token);
        await leaves.CancelAsync();

        (await Refusal.OfAsync(() => starting)).Kind.Should().Be(ErrorKind.DeadlineExceeded);
    });

    [Fact]
    public void Start_twice_is_refused() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        var both = new[] { shim.StartAsync("pod"), shim.StartAsync("pod") };

        await Task.WhenAll(both).ContinueWith(_ => { }, TaskScheduler.Current);

        both.Count(start => start.IsCompletedSuccessfully).Should().Be(1);
        both.Single(start => start.IsFaulted).Exception!.InnerException.Should().BeOfType<KataException>()
            .Which.Kind.Should().Be(ErrorKind.FailedPrecondition);
        shim.Events.Facts.OfType<ContainerStarted>().Should().ContainSingle();
    });

    [Fact]
    public void Exec_when_its_streams_cannot_be_opened_is_gone() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Host.Faults.Add(new Fault("stdio.open", 2, FaultKind.Fail));

        await Refusal.OfAsync(() => shim.ExecAsync("pod", "e"));

        (await Refusal.OfAsync(() => shim.StateAsync("pod", "e"))).Kind.Should().Be(ErrorKind.NotFound);
        await shim.ExecAsync("pod", "e");
        (await Refusal.OfAsync(() => shim.ExecAsync("pod", "e"))).Kind.Should().Be(ErrorKind.AlreadyExists);
    });

    [Fact]
    public void Exec_when_the_init_ends_while_its_streams_open_lets_its_waiters_go() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        await shim.ExecAsync("c1", "e");
        await shim.KillAsync("c1");
        await shim.WaitAsync("c1");

        (await shim.WaitAsync("c1", "e")).Code.Should().Be(ExitStatus.Unknown);
        (await Refusal.OfAsync(() => shim.StartAsync("c1", "e"))).Kind.Should().Be(ErrorKind.FailedPrecondition);
        await shim.DeleteAsync("c1");
        shim.Host.OpenStreams.Should().Be(1);
    });

    [Fact]
    public void Exec_when_the_init_ends_before_its_streams_are_open_lets_its_waiters_go() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        shim.Host.Faults.Add(new Fault("stdio.open", 3, FaultKind.Slow));
        var adding = shim.ExecAsync("c1", "e");
        await shim.KillAsync("c1");
        await shim.WaitAsync("c1");
        await adding;

        (await shim.WaitAsync("c1", "e")).Code.Should().Be(ExitStatus.Unknown);
    });

    [Fact]
    public void Exit_when_a_pause_is_under_way_waits_its_turn() => HarnessShim.Run(async shim =>
    {
        shim.Programs["short"] = async process =>
        {
            await Task.Delay(TimeSpan.FromSeconds(1), shim.Time, process.Killed);
            return 0;
        };
        await shim.CreateAsync("pod", program: "short");
        await shim.StartAsync("pod");
        shim.Host.Faults.Add(new Fault("agent.pause", 1, FaultKind.Slow));

        await shim.PauseAsync("pod");
        await shim.WaitAsync("pod");

        shim.Events.Facts.Where(fact => fact is ContainerPaused || fact is ProcessExited).Select(fact => fact.GetType())
            .Should().Equal(typeof(ContainerPaused), typeof(ProcessExited));
    });

    [Fact]
    public void Pause_when_running_freezes_and_resume_goes_on() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.PauseAsync("pod");
        (await shim.StateAsync("pod")).Status.Should().Be(ProcessStatus.Paused);
        (await Refusal.OfAsync(() => shim.PauseAsync("pod"))).Kind.Should().Be(ErrorKind.FailedPrecondition);

        await shim.ResumeAsync("pod");

        (await shim.StateAsync("pod")).Status.Should().Be(ProcessStatus.Running);
        shim.Events.Facts.Should().Contain(fact => fact is ContainerPaused)
            .And.Contain(fact => fact is ContainerResumed);
    });

    [Fact]
    public void Start_when_the_file_daemon_lacks_something_says_so_once() => HarnessShim.Run(async shim =>
    {
        shim.Host.FileDaemon = new FileDaemon("/old/virtiofsd (1.0)", ["this is missed", "and that"]);

        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.CreateAsync("box", ContainerKind.PodContainer);

        shim.Log.Lines.Should().ContainSingle(line => line.Text.StartsWith("virtio-fs is served by"))
            .Which.Text.Should().Be("virtio-fs is served by /old/virtiofsd (1.0), with which this is missed; and that");
    });

    [Fact]
    public void Hooks_run_at_their_stages_and_only_the_first_can_fail_a_request() => HarnessShim.Run(async shim =>
    {
        var hooks = new OciHooks
        {
            Prestart = [new OciHook { Path = "/a" }],
            CreateRuntime = [new OciHook { Path = "/b" }],
            Poststart = [new OciHook { Path = "/false" }],
            Poststop = [new OciHook { Path = "/c" }, new OciHook { Path = "/false" }],
        };
        await shim.CreateAsync("pod", program: "true", change: spec => spec with { Hooks = hooks });
        await shim.StartAsync("pod");
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");

        shim.Hooks.Ran.Select(ran => ran.Path).Should().Equal("/a", "/b", "/c");
        shim.Log.Lines.Count(line => line.Text.Contains("hook of container pod", StringComparison.Ordinal))
            .Should().Be(2);
    });

    [Fact]
    public void OutOfMemory_when_the_guest_tells_it_is_a_fact_of_that_container_and_a_made_up_name_is_none() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        shim.Guest.RunOutOfMemory(ContainerId.Parse("made-up"));
        shim.Guest.RunOutOfMemory(ContainerId.Parse("pod"));
        await shim.Time.Delay(TimeSpan.FromMilliseconds(1));

        shim.Events.Facts.OfType<ContainerOutOfMemory>().Should().ContainSingle();
    });

    [Fact]
    public void OutOfMemory_when_the_guest_tells_it_without_end_is_told_once_per_container_and_fills_no_log() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");

        for (var i = 0; i < 200; i++)
        {
            shim.Guest.RunOutOfMemory(ContainerId.Parse("c1"));
            shim.Guest.RunOutOfMemory(ContainerId.Parse($"made-up-{i}"));
        }

        shim.Guest.RunOutOfMemory(ContainerId.Parse("pod"));
        await shim.Time.Delay(TimeSpan.FromMinutes(5));

        shim.Events.Facts.OfType<ContainerOutOfMemory>().Select(fact => fact.Container.Value)
            .Should().Equal("c1", "pod");
        shim.Log.Lines.Where(
            line =>
                line.Level >= LogLevel.Information
                    && line.Text.Contains("made-up", StringComparison.Ordinal)).Should().ContainSingle();
    });

    [Fact]
    public void Unmount_by_the_host_when_the_guest_may_hold_what_was_there_has_it_look_again_each_time() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Host.Faults.Add(new Fault("agent.volume-usage", 1, FaultKind.Fail));

        shim.Host.Share!.TakeBack(GuestPaths.Share.Append("vol/first"));
        shim.Host.Share!.TakeBack(GuestPaths.Share.Append("vol/second"));
        await shim.Time.Delay(TimeSpan.FromMilliseconds(1));

        shim.Host.Calls.Count(call => call == "agent.volume-usage").Should().Be(2);
    });

    [Fact]
    public void Queries_when_a_container_is_unknown_answer_not_found_but_connect_answers() =>
        HarnessShim.Run(async shim =>
    {
        var id = ContainerId.Parse("nobody");
        foreach (var ask in new Func<Task>[]
        {
            () => shim.StateAsync("nobody"), () => shim.WaitAsync("nobody"), () => shim.DeleteAsync("nobody"),
            () => shim.KillAsync("nobody"),
            () => shim.SendAsync(new ListProcesses(id)), () => shim.SendAsync(new GetContainerStats(id)),
            () => shim.PauseAsync("nobody"),
            () => shim.SendAsync(new UpdateContainer(id, new byte[1])), () => shim.CloseStdinAsync("nobody"),
            () => shim.ResizeAsync("nobody", 1, 1),
        })
        {
            (await Refusal.OfAsync(ask)).Kind.Should().Be(ErrorKind.NotFound);
        }

        (await shim.SendAsync(new GetShimIdentity(id))).TaskPid.Should().Be(0);
        (await shim.SendAsync(new GetShimIdentity(null)))
            .Should().Match<GetShimIdentityReply>(reply => reply.ShimPid != 0 && reply.TaskPid == 0);
    });

    [Fact]
    public void Queries_when_running_answer_from_what_is_known_here() => HarnessShim.Run(async shim =>
    {
        var id = ContainerId.Parse("pod");
        var pid = (await shim.CreateAsync("pod")).Pid;
        (await shim.SendAsync(new GetContainerStats(id))).Stats.Pids.Should().Be(0);
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e");
        await shim.StartAsync("pod", "e");
        await shim.SendAsync(new UpdateContainer(id, new byte[7]));
        (await shim.SendAsync(new GetContainerStats(id))).Stats.Pids.Should().Be(1);

        shim.Guest.Answers = false;

        (await shim.SendAsync(new ListProcesses(id)))
            .Processes.Should().Equal(new ListedProcess(pid, null), new ListedProcess(pid, ExecId.Parse("e")));
        (await shim.StateAsync("pod")).Pid.Should().Be(pid);
        (await shim.SendAsync(new GetShimIdentity(id))).TaskPid.Should().Be(pid);
    });

    [Fact]
    public void Kill_when_the_agent_hangs_ends_within_the_deadline_and_stop_needs_no_answer() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Guest.Answers = false;

        (await Refusal.OfAsync(() => shim.KillAsync("pod"))).Kind.Should().Be(ErrorKind.DeadlineExceeded);
        var begin = shim.Time.Elapsed;
        await shim.StopAsync();

        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(4.1));
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Wait_when_the_guest_stops_answering_ends_with_the_lost_sandbox() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Guest.Answers = false;

        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);

        shim.Time.Elapsed.Should().BeLessThan(TimeSpan.FromMinutes(3));
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Wait_when_the_guest_says_that_it_does_not_serve_and_then_hangs_ends_with_the_lost_sandbox() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.Time.Delay(TimeSpan.FromSeconds(20));
        shim.Guest.Answers = false;

        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);

        shim.Time.Elapsed.Should().BeLessThan(TimeSpan.FromMinutes(3));
    }, new FaultSchedule(new Fault("agent.check", 1, FaultKind.Fail) { Error = ErrorKind.Unavailable }));

    [Fact]
    public void Wait_when_the_guest_has_too_much_to_do_for_a_moment_tells_the_real_exit() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "hello");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(3);

        await shim.DeleteAsync("pod");
    }, new FaultSchedule(
        new Fault("agent.wait", 1, FaultKind.Fail) { Error = ErrorKind.ResourceExhausted },
        new Fault("agent.wait", 2, FaultKind.Fail) { Error = ErrorKind.ResourceExhausted }));

    [Fact]
    public void Output_when_the_guest_has_too_much_to_do_for_a_moment_is_not_lost() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "hello");
        await shim.StartAsync("pod");

        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");

        shim.ClientOf("pod").Output.Should().Be("hello\n");
    }, new FaultSchedule(
        new Fault("agent.read", 1, FaultKind.Fail) { Error = ErrorKind.ResourceExhausted },
        new Fault("agent.read", 2, FaultKind.Fail) { Error = ErrorKind.ResourceExhausted }));

    [Fact]
    public void Health_check_when_the_guest_has_too_much_to_do_loses_no_machine() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        await shim.Time.Delay(TimeSpan.FromMinutes(2));

        shim.State.Should().Be(SandboxState.Ready);
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod");
    }, new FaultSchedule(Enumerable.Range(1, 5).Select(
        occurrence => new Fault("agent.check", occurrence, FaultKind.Fail) { Error = ErrorKind.ResourceExhausted })));

    [Theory]
    [InlineData(null, 0)]
    [InlineData(-998, 0)]
    [InlineData(800, 800)]
    public void Machine_is_taken_when_memory_runs_out_as_its_container_is_and_never_protected(int? asked, int given) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync(
            "pod", ContainerKind.PodSandbox, change: spec =>
                spec with { Process = spec.Process! with { OomScoreAdj = asked } });

        shim.Hypervisor.Placed.Should().ContainSingle().Which.OomScoreAdjustment.Should().Be(given);
    });

    [Fact]
    public void State_directory_when_ready_holds_the_snapshot_and_the_phases() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);

        var snapshot = await shim.Store.LoadAsync(shim.Sandbox, default);

        snapshot!.Containers.Select(id => id.Value).Should().BeEquivalentTo("pod", "c1");
        snapshot.VmmPid.Should().Be(shim.Host.Machine!.ProcessId);
        shim.Store.Phases.Where(phase => !phase.IsEnd).Select(phase => phase.Phase).Should().StartWith(
            ["bundle", "stdio", "settings", "claim", "namespace", "cgroup", "assets", "share", "network", "launch-vmm",
                "prepare", "agent", "open-sandbox"]);
    });
}
