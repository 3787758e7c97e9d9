using FluentAssertions;
using Kata.Core.Application.Processes;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>The eleven invariants of the domain, each on the whole core.</summary>
public sealed class InvariantTests
{
    [Fact]
    public void Facts_of_a_container_leave_in_the_order_created_started_exited_deleted_and_exec_exits_before_the_inits() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e1");
        await shim.StartAsync("pod", "e1");
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        await shim.DeleteAsync("pod", "e1");
        await shim.DeleteAsync("pod");

        shim.Events.Facts.Where(fact => fact is not (SandboxStarted or SandboxStopped)).Select(fact => fact.GetType())
            .Should().Equal(
            typeof(ContainerCreated), typeof(ContainerStarted), typeof(ExecAdded), typeof(ExecStarted),
            typeof(ProcessExited), typeof(ProcessExited), typeof(ExecDeleted), typeof(ContainerDeleted));
        shim.Events.Facts.OfType<ProcessExited>().Select(fact => fact.Process.IsInit).Should().Equal(false, true);
    });

    [Fact]
    public void An_exit_is_recorded_once_the_first_report_wins() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        var init = ProcessRef.Parse("pod", null);

        var reports = new[]
        {
            shim.SendAsync(new RecordProcessExit(init, new ExitStatus(3, shim.Time.GetUtcNow()))),
            shim.SendAsync(new RecordProcessExit(init, new ExitStatus(4, shim.Time.GetUtcNow()))),
        };
        (await shim.WaitAsync("pod")).Code.Should().Be(3);
        await shim.DeleteAsync("pod");
        await Task.WhenAll(reports);

        shim.Events.Facts.OfType<ProcessExited>().Should().ContainSingle().Which.Exit.Code.Should().Be(3);
    });

    [Fact]
    public void A_signal_to_a_finished_process_answers_not_found_to_an_exec_not_yet_started_failed_precondition() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "done", "true");
        await shim.StartAsync("pod", "done");
        await shim.WaitAsync("pod", "done");
        await shim.ExecAsync("pod", "idle");

        (await Refusal.OfAsync(() => shim.KillAsync("pod", "done"))).Kind.Should().Be(ErrorKind.NotFound);
        (await Refusal.OfAsync(() => shim.KillAsync("pod", "idle"))).Kind.Should().Be(ErrorKind.FailedPrecondition);

        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        (await Refusal.OfAsync(() => shim.KillAsync("pod"))).Kind.Should().Be(ErrorKind.NotFound);
        (await Refusal.OfAsync(() => shim.KillAsync("pod", "idle"))).Kind.Should().Be(ErrorKind.NotFound);
    });

    [Fact]
    public void An_exec_may_be_added_only_to_a_running_container() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        (await Refusal.OfAsync(() => shim.ExecAsync("pod", "e"))).Kind.Should().Be(ErrorKind.FailedPrecondition);

        await shim.StartAsync("pod");
        await shim.PauseAsync("pod");
        (await Refusal.OfAsync(() => shim.ExecAsync("pod", "e"))).Kind.Should().Be(ErrorKind.FailedPrecondition);

        await shim.ResumeAsync("pod");
        await shim.ExecAsync("pod", "e");
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        (await Refusal.OfAsync(() => shim.ExecAsync("pod", "late"))).Kind.Should().Be(ErrorKind.FailedPrecondition);
    });

    [Theory]
    [InlineData("machine")]
    [InlineData("file daemon")]
    [InlineData("connection")]
    [InlineData("stop")]
    public void When_the_machine_is_lost_or_stopped_every_live_process_exits_as_killed_at_one_instant(string how) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        await shim.ExecAsync("c1", "e1");
        await shim.StartAsync("c1", "e1");
        var waits = new[] { shim.WaitAsync("pod"), shim.WaitAsync("c1"), shim.WaitAsync("c1", "e1") };

        switch (how)
        {
            case "machine": shim.Host.Machine!.Die(new VmmEnd(null, 11)); break;
            case "file daemon": shim.Host.Share!.Die("signal 9"); break;
            case "connection": shim.Guest.Disconnect("reset"); break;
            default: await shim.StopAsync(); break;
        }

        (await Task.WhenAll(waits)).Distinct().Should().ContainSingle().Which.Code.Should().Be(ExitStatus.Killed);
        await shim.StopAsync();
        var facts = shim.Events.Facts;
        var exits = facts.OfType<ProcessExited>().ToList();
        exits.Should().HaveCount(3);
        exits.FindIndex(exit => exit.Process == ProcessRef.Parse("c1", "e1"))
            .Should().BeLessThan(exits.FindIndex(exit => exit.Process == ProcessRef.Parse("c1", null)));
        Type last = how == "stop" ? typeof(SandboxStopped) : typeof(SandboxLost);
        facts.Select((fact, at) => (fact, at)).Where(x => x.fact is ProcessExited).Max(x => x.at)
            .Should().BeLessThan(facts.ToList().FindIndex(fact => fact.GetType() == last));
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void When_the_machine_is_lost_its_own_end_is_the_reason_although_its_connections_was_noticed_first() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");

        shim.Guest.Disconnect("reset");
        await shim.Time.Delay(TimeSpan.FromMilliseconds(20));
        shim.Host.Machine!.Die(new VmmEnd(null, 11));

        await shim.WaitAsync("pod");
        shim.Log.Lines.Should().Contain(
            line =>
                line.Text == "the VM is lost: the VMM ended with signal 11; guest console: the last line of the console");
    });

    [Theory]
    [InlineData("New")]
    [InlineData("Booting")]
    [InlineData("Ready")]
    [InlineData("Running")]
    [InlineData("Stopping")]
    [InlineData("Stopped")]
    [InlineData("Broken")]
    public void Stop_is_idempotent_from_every_state(string state)
    {
        var faults = new FaultSchedule();
        if (state == "Broken")
            faults.Add(new Fault("releaser.release", 1, FaultKind.Fail));
        HarnessShim.Run(async shim =>
        {
            Task? creating = null;
            if (state is not "New")
                creating = shim.CreateAsync("pod", ContainerKind.PodSandbox);
            if (state is not ("New" or "Booting"))
                await creating!;
            if (state == "Running")
                await shim.StartAsync("pod");
            if (state == "Stopping")
                _ = shim.StopAsync();
            if (state == "Stopped")
                await shim.StopAsync();
            if (state == "Broken")
                (await Refusal.OfAsync(shim.StopAsync)).Kind.Should().Be(ErrorKind.Internal);

            await Task.WhenAll(shim.StopAsync(), shim.StopAsync());
            await shim.StopAsync();

            shim.State.Should().Be(SandboxState.Stopped);
            shim.Events.Facts.OfType<SandboxStopped>().Should().ContainSingle();
            if (state == "Booting")
                (await Refusal.OfAsync(() => creating!)).Kind.Should().Be(ErrorKind.Aborted);
            shim.Host.Held.Should().BeEmpty();
        }, faults);
    }

    [Fact]
    public void After_stopped_the_ledger_is_empty() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        var ledger = shim.Store.LedgerOf(shim.Sandbox)!;
        ledger.Read().IsEmpty.Should().BeFalse();

        await shim.StopAsync();

        ledger.Read().Held.Should().BeEmpty();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void A_container_whose_creation_failed_leaves_no_trace_and_no_fact_and_shutdown_still_ends_the_shim() =>
        HarnessShim.Run(async shim =>
    {
        await Refusal.OfAsync(() => shim.CreateAsync("pod"));

        shim.Host.Leftovers().Should().BeEmpty();
        shim.Events.Facts.Should().OnlyContain(
            fact => fact is SandboxBroken || fact is SandboxStopped || fact is SandboxStarted);
        (await Refusal.OfAsync(() => shim.StateAsync("pod"))).Kind.Should().Be(ErrorKind.NotFound);
        (await shim.ShutDownAsync()).Should().BeTrue();
        await shim.Ended;
    }, new FaultSchedule(new Fault("agent.create", 1, FaultKind.Fail)));

    [Fact]
    public void Waiting_changes_nothing_any_number_of_waiters_get_the_same_answer() => HarnessShim.Run(async shim =>
    {
        shim.Programs["seven"] = async process =>
        {
            await Task.Delay(TimeSpan.FromSeconds(5), shim.Time, process.Killed);
            return 7;
        };
        await shim.CreateAsync("pod", program: "seven");
        var early = Enumerable.Range(0, 50).Select(_ => shim.WaitAsync("pod")).ToList();
        using var leaves = new CancellationTokenSource();
        var left = shim.WaitAsync("pod", ct: leaves.Token);
        await shim.StartAsync("pod");
        await leaves.CancelAsync();

        var exits = await Task.WhenAll(early);

        exits.Append(await shim.WaitAsync("pod")).Distinct().Should().ContainSingle().Which.Code.Should().Be(7);
        await left.Invoking(wait => wait).Should().ThrowAsync<OperationCanceledException>();
        (await shim.StateAsync("pod")).Exit!.Code.Should().Be(7);
    });

    [Fact]
    public void A_single_containers_exit_is_told_before_the_teardown() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "true");
        await shim.StartAsync("pod");
        var before = -1;
        shim.Host.Machine!.Guest.PoweredOff += () => before = shim.Events.Facts.OfType<ProcessExited>().Count();

        await shim.WaitAsync("pod");
        await shim.StopAsync();

        before.Should().Be(1);
    });

    [Fact]
    public void A_pods_exit_is_told_only_after_the_machine_is_gone_with_its_own_code() => HarnessShim.Run(async shim =>
    {
        shim.Programs["pause"] = async process =>
        {
            await Task.Delay(TimeSpan.FromSeconds(1), shim.Time, process.Killed);
            return 5;
        };
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, "pause");
        await shim.StartAsync("pod");

        var exit = await shim.WaitAsync("pod");

        exit.Code.Should().Be(5);
        shim.Host.Machine!.Exited.IsCompleted.Should().BeTrue();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void A_pods_exit_is_not_told_while_its_machine_takes_a_second_to_go() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        var begin = shim.Time.Elapsed;

        await shim.StopAsync();

        (shim.Events.Told.Single(told => told.Fact is ProcessExited).At - begin).Should().Be(TimeSpan.FromSeconds(1));
    }, new FaultSchedule(new Fault("machine.stop", 1, FaultKind.Slow) { Delay = TimeSpan.FromSeconds(1) }));

    [Fact]
    public void A_pods_exit_is_told_within_two_seconds_although_the_machine_will_not_go() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox, "sleep");
        await shim.StartAsync("pod");
        var begin = shim.Time.Elapsed;
        await shim.KillAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);

        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(2.5));
        shim.Host.Held.Should().NotBeEmpty();
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    }, new FaultSchedule(new Fault("machine.stop", 1, FaultKind.Hang)));

    [Fact]
    public void Task_shutdown_ends_the_shim_only_when_no_container_is_left_and_sends_the_events_last() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        (await shim.ShutDownAsync()).Should().BeFalse();
        shim.Ended.IsCompleted.Should().BeFalse();

        await shim.DeleteAsync("pod");
        (await shim.ShutDownAsync()).Should().BeTrue();
        await shim.Ended;

        shim.Events.WasDrained.Should().BeTrue();
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Forced_shutdown_ends_the_shim_with_its_containers_and_each_step_is_bounded() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        var wait = shim.WaitAsync("pod");
        var begin = shim.Time.Elapsed;

        (await shim.ShutDownAsync(now: true)).Should().BeTrue();
        await shim.Ended;

        (await wait).Code.Should().Be(ExitStatus.Killed);
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(9.1));
    }, new FaultSchedule(new Fault("events.drain", 1, FaultKind.Hang), new Fault("agent.close", 1, FaultKind.Hang)));
}
