using FluentAssertions;
using Kata.Core.Application.Creation;
using Kata.Core.Application.Monitoring;
using Kata.Core.Application.Processes;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.ShimProcess;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Undo stack, timeline, gate and teardown by themselves.</summary>
public sealed class LivePartsTests
{
    private readonly ManualTime _time = new();
    private readonly List<Exception> _failures = [];

    [Fact]
    public void Undo_when_not_committed_runs_backwards_and_a_failing_step_stops_no_other() => Run(async () =>
    {
        var ran = new List<int>();
        await using (var undo = new UndoStack(_time, _failures.Add))
        {
            undo.Push(_ => Done(ran, 1));
            undo.Push(_ => throw new InvalidOperationException("two"));
            undo.Push(_ => Done(ran, 3));
        }

        ran.Should().Equal(3, 1);
        _failures.Should().ContainSingle().Which.Message.Should().Be("two");
    });

    [Fact]
    public void Undo_when_a_step_hangs_leaves_time_for_those_after_it_and_ends_within_its_budget() => Run(async () =>
    {
        var reached = TimeSpan.Zero;
        var undo = new UndoStack(_time, _failures.Add);
        undo.Push(async limit =>
        {
            reached = _time.Elapsed;
            await Task.Delay(TimeSpan.FromSeconds(1), _time, limit);
        });
        undo.Push(_ => Task.Delay(Timeout.InfiniteTimeSpan));

        await undo.DisposeAsync();

        reached.Should().Be(TimeSpan.FromSeconds(2));
        _time.Elapsed.Should().Be(TimeSpan.FromSeconds(3));
        _failures.Should().ContainSingle();
    });

    [Fact]
    public void Timeline_when_two_phases_fail_names_the_first_and_its_cause() => Run(async () =>
    {
        var written = new List<string>();
        var timeline = new PhaseTimeline(
            _time, (phase, isEnd, since) => written.Add($"{phase} {isEnd} {since.TotalSeconds}"));
        timeline.FailedPhase.Should().Be("begin");
        var a = timeline.RunAsync("a", async () =>
        {
            await _time.Delay(TimeSpan.FromSeconds(3));
            throw new InvalidOperationException("late");
        });
        var b = timeline.RunAsync("b", async () =>
        {
            await _time.Delay(TimeSpan.FromSeconds(1));
            throw new InvalidOperationException("early");
        });

        await Task.WhenAll(a, b).ContinueWith(_ => { }, TaskScheduler.Current);

        timeline.FailedPhase.Should().Be("b");
        timeline.FirstFailure!.Message.Should().Be("early");
        timeline.Phases.Should().Equal(
            new PhaseTime("a", TimeSpan.FromSeconds(3)), new PhaseTime("b", TimeSpan.FromSeconds(1)));
        timeline.Elapsed.Should().Be(TimeSpan.FromSeconds(3));
        written.Should().Equal("a False 0", "b False 0", "b True 1", "a True 3");
    });

    [Fact]
    public void Gate_when_held_lets_one_in_after_the_other_and_gives_up_in_the_end() => Run(async () =>
    {
        var gate = new ProcessGate(ProcessRef.Parse("c", null), _time);
        var first = await gate.EnterAsync(default);
        var second = gate.EnterAsync(default);

        (await Refusal.OfAsync(() => gate.EnterAsync(default))).Kind.Should().Be(ErrorKind.DeadlineExceeded);

        await second.Invoking(wait => wait).Should().ThrowAsync<KataException>();
        first.Dispose();
        (await gate.EnterAsync(default)).Dispose();
    });

    [Fact]
    public void Gate_when_the_caller_leaves_is_not_taken() => Run(async () =>
    {
        var gate = new ProcessGate(ProcessRef.Parse("c", null), _time);
        var held = await gate.EnterAsync(default);
        using var leaves = new CancellationTokenSource(TimeSpan.FromSeconds(1), _time);
        await gate.Invoking(g => g.EnterAsync(leaves.Token)).Should().ThrowAsync<OperationCanceledException>();

        held.Dispose();

        (await gate.EnterAsync(default)).Dispose();
    });

    [Fact]
    public void Teardown_when_every_step_hangs_ends_within_its_budget_and_the_ledger_finds_the_rest() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        shim.Host.Faults.Add(new Fault("agent.close", 1, FaultKind.Hang));
        shim.Host.Faults.Add(new Fault("machine.stop", 1, FaultKind.Hang));
        shim.Host.Faults.Add(new Fault("share.stop", 1, FaultKind.Hang));
        var begin = shim.Time.Elapsed;

        await shim.StopAsync();

        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(4.1));
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Teardown_when_the_guest_closes_in_order_needs_no_signal() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        var begin = shim.Time.Elapsed;

        await shim.StopAsync();

        (await shim.Host.Machine!.Exited).End.Should().Be(new VmmEnd(0, null));
        shim.Time.Elapsed.Should().Be(begin);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CleanUp_when_the_shim_is_dead_releases_what_it_left_and_a_living_ones_things_stay(bool alive)
    {
        var host = new HarnessHost();
        var store = new HarnessStore(host);
        var shim = new HarnessShim(host: host, store: store);
        shim.Run(async () =>
        {
            var ledger = store.HoldByOther(SandboxId.Parse("pod"), new("tests", ""), alive);
            host.Take(ledger, ResourceKind.Mount, "/m");
            host.Take(ledger, ResourceKind.Process, "vmm", pid: 5);

            var reply = await shim.SendAsync(new CleanUpSandbox(ContainerId.Parse("pod"), null));
            await shim.SendAsync(new CleanUpSandbox(ContainerId.Parse("pod"), null));

            reply.Exit.Code.Should().Be(ExitStatus.Killed);
            host.Held.Count.Should().Be(alive ? 3 : 0);
        });
    }

    [Fact]
    public void CleanUp_of_a_pods_container_finds_the_sandbox_in_the_bundle() => HarnessShim.Run(async shim =>
    {
        var ledger = shim.Store.HoldByOther(SandboxId.Parse("pod"), new("tests", ""), alive: false);
        shim.Host.Take(ledger, ResourceKind.Mount, "/m");

        await shim.SendAsync(
            new CleanUpSandbox(ContainerId.Parse("c1"), shim.Bundle("c1", ContainerKind.PodContainer)));

        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Lifetime_when_ended_twice_ends_once() => HarnessShim.Run(async shim =>
    {
        await shim.ShutDownAsync();
        await shim.ShutDownAsync(now: true);

        await shim.Get<ShimLifetime>().Ended;
        shim.Host.Calls.Count(call => call == "events.drain").Should().Be(1);
    });

    [Fact]
    public void Shim_when_it_gets_no_container_ends_after_a_minute() => HarnessShim.Run(async shim =>
    {
        shim.Get<AbandonmentWatcher>().Start();

        await shim.Ended;

        shim.Time.Elapsed.Should().BeCloseTo(TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(20));
        shim.Log.Lines.Should().Contain(
            line => line.Text.StartsWith("no container for 60 s", StringComparison.Ordinal));
    });

    [Fact]
    public void Shim_when_it_has_a_container_stays_until_a_minute_after_the_last() => HarnessShim.Run(async shim =>
    {
        shim.Get<AbandonmentWatcher>().Start();
        await shim.Time.Delay(TimeSpan.FromSeconds(50));
        await shim.CreateAsync("box");
        await shim.Time.Delay(TimeSpan.FromMinutes(10));
        shim.Ended.IsCompleted.Should().BeFalse();
        await shim.StopAsync();
        await shim.DeleteAsync("box");

        var begin = shim.Time.Elapsed;
        await shim.Ended;

        (shim.Time.Elapsed - begin).Should().BeCloseTo(TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(20));
    }, sandbox: "box");

    private void Run(Func<Task> scenario) => Pump.Run(_time, scenario, TimeSpan.FromHours(1));

    private static Task Done(List<int> ran, int step)
    {
        ran.Add(step);
        return Task.CompletedTask;
    }
}
