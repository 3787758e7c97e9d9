using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>SIGKILL ends a container whatever its guest says, or does not say.</summary>
public sealed class UnkillableTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(ContainerKind.Single)]
    [InlineData(ContainerKind.PodSandbox)]
    public void Kill_of_the_container_that_made_the_sandbox_when_the_guest_tells_no_exit_ends_the_machine(
        ContainerKind kind) => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", kind);
        await shim.StartAsync("pod");
        shim.Guest.TellsExits = false;

        await shim.KillAsync("pod");

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
        await shim.DeleteAsync("pod");
        shim.Log.Lines.Should().Contain(
            line =>
                line.Level == LogLevel.Warning && line.Text.Contains("SIGKILL", StringComparison.Ordinal)
                    && line.Text.Contains("pod", StringComparison.Ordinal));
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Kill_of_a_container_of_a_pod_when_the_guest_tells_no_exit_declares_the_machine_lost() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        shim.Guest.TellsExits = false;
        var pod = shim.WaitAsync("pod");

        await shim.KillAsync("c1");

        (await shim.WaitAsync("c1").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
        (await pod.WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
        await shim.DeleteAsync("c1");
        await shim.DeleteAsync("pod");
        shim.Events.Facts.OfType<SandboxLost>().Should().ContainSingle();
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Kill_when_the_guest_tells_the_exit_late_but_in_time_leaves_the_machine() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer);
        await shim.StartAsync("c1");
        shim.Programs["stubborn"] = async process =>
        {
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, process.Killed);
            }
            catch (OperationCanceledException)
            {
                await Task.Delay(TimeSpan.FromSeconds(8), shim.Time);
            }

            return 137;
        };
        await shim.CreateAsync("c2", ContainerKind.PodContainer, "stubborn");
        await shim.StartAsync("c2");

        await shim.KillAsync("c2");
        await shim.WaitAsync("c2");
        await shim.Time.Delay(TimeSpan.FromMinutes(1));

        shim.State.Should().Be(SandboxState.Ready);
        (await shim.StateAsync("c1")).Exit.Should().BeNull();
    });

    [Fact]
    public void Term_when_the_process_ignores_it_is_waited_for_without_end() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Guest.Process(ProcessRef.Parse("pod", null)).Ignored.Add(15);

        await shim.KillAsync("pod", signal: 15);
        await shim.Time.Delay(TimeSpan.FromMinutes(1));

        shim.State.Should().Be(SandboxState.Ready);
    });

    [Theory]
    [InlineData(ErrorKind.PermissionDenied)]
    [InlineData(ErrorKind.NotFound)]
    [InlineData(ErrorKind.Internal)]
    public void Kill_when_the_guest_refuses_it_and_tells_no_exit_ends_the_machine_all_the_same(ErrorKind refusal) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Guest.TellsExits = false;

        (await Refusal.OfAsync(() => shim.KillAsync("pod"))).Kind.Should().Be(refusal);

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("agent.signal", 1, FaultKind.Fail) { Error = refusal }));

    [Fact]
    public void Kill_of_a_container_that_was_not_started_when_the_guest_refuses_it_ends_the_machine_all_the_same() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");

        (await Refusal.OfAsync(() => shim.KillAsync("pod"))).Kind.Should().Be(ErrorKind.PermissionDenied);

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
        await shim.DeleteAsync("pod");
        shim.Host.Leftovers().Should().BeEmpty();
    }, new FaultSchedule(new Fault("agent.signal", 1, FaultKind.Fail) { Error = ErrorKind.PermissionDenied }));

    [Fact]
    public void Kill_when_the_guest_never_answers_it_and_tells_no_exit_ends_the_machine_after_the_calls_limit() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        shim.Guest.TellsExits = false;

        (await Refusal.OfAsync(() => shim.KillAsync("pod"))).Kind.Should().Be(ErrorKind.DeadlineExceeded);

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
    }, new FaultSchedule(new Fault("agent.signal", 1, FaultKind.Hang)));

    [Fact]
    public void Wait_when_the_guest_answers_that_it_is_unavailable_ends_the_process_as_unknown() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Unknown);
    }, new FaultSchedule(new Fault("agent.wait", 1, FaultKind.Fail) { Error = ErrorKind.Unavailable }));

    [Fact]
    public void Wait_when_the_connection_is_lost_ends_the_process_as_killed() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod").WaitAsync(Bound, shim.Time)).Code.Should().Be(ExitStatus.Killed);
    }, new FaultSchedule(new Fault("agent.wait", 1, FaultKind.ConnectionLost)));
}
