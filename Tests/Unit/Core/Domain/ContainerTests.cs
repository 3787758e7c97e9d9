using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

public sealed class ContainerTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Init_exit_when_execs_are_there_ends_the_running_as_killed_and_the_unstarted_untold()
    {
        var (container, running) = A.Exec(ProcessState.Running);
        container.AddExec(ProcessRef.Parse("box", "idle"), Stdio.None);
        container.DequeueEvents();

        container.RecordExit(container.Init.Ref, new ExitStatus(5, Now));

        container.DequeueEvents().Should().Equal(
            new ProcessExited(running.Ref, 7, new ExitStatus(ExitStatus.Killed, Now)),
            new ProcessExited(container.Init.Ref, 7, new ExitStatus(5, Now)));
        container.Find(ProcessRef.Parse("box", "idle")).Exit.Should().Be(new ExitStatus(ExitStatus.Unknown, Now));
    }

    [Fact]
    public void Start_failure_when_the_init_has_ended_meanwhile_changes_nothing()
    {
        var container = A.Container(ContainerState.Created);
        container.RecordExit(container.Init.Ref, new ExitStatus(ExitStatus.Killed, Now));
        container.DequeueEvents();

        container.RecordStartFailure(container.Init.Ref, Now.AddSeconds(1));

        container.Init.Exit.Should().Be(new ExitStatus(ExitStatus.Killed, Now));
        container.DequeueEvents().Should().BeEmpty();
    }

    [Fact]
    public void Delete_when_it_never_ran_answers_0_now() =>
        A.Container(ContainerState.Created).Delete(ProcessRef.Parse("box", null), Now)
            .Should().Be(new ExitStatus(0, Now));

    [Fact]
    public void AddExec_when_the_id_was_deleted_takes_it_again()
    {
        var (container, exec) = A.Exec(ProcessState.Exited);
        container.Invoking(c => c.AddExec(exec.Ref, Stdio.None)).Should().Throw<KataException>()
            .Which.Kind.Should().Be(ErrorKind.AlreadyExists);

        container.Delete(exec.Ref, Now);
        container.AddExec(exec.Ref, Stdio.None);

        container.Execs.Should().ContainSingle();
    }

    [Theory]
    [InlineData(ContainerState.Creating, false)]
    [InlineData(ContainerState.Running, true)]
    [InlineData(ContainerState.Stopped, true)]
    [InlineData(ContainerState.Deleted, false)]
    public void OutOfMemory_when_nobody_knows_the_container_is_not_told(ContainerState state, bool told)
    {
        var container = A.Container(state);
        container.DequeueEvents();

        container.RecordOutOfMemory();

        container.DequeueEvents().Should().HaveCount(told ? 1 : 0);
    }

    [Fact]
    public void Facts_when_taken_are_handed_out_once_in_order()
    {
        var container = A.Container(ContainerState.Paused);

        container.DequeueEvents().Select(fact => fact.GetType())
            .Should().Equal(typeof(ContainerCreated), typeof(ContainerStarted), typeof(ContainerPaused));
        container.DequeueEvents().Should().BeEmpty();
    }
}
