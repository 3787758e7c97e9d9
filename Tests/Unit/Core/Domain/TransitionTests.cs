using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Xunit;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>
/// Every state with every trigger: the next state and the fact, or a refusal that names id, state and trigger.
/// </summary>
public sealed class TransitionTests
{
    // Written out here once more, so that a change of a table is noticed.
    private const string Sandbox = """
        New Boot Booting
        New Stop Stopped SandboxStopped
        Booting GuestAnswered Ready SandboxStarted
        Booting BootFailed Broken SandboxBroken
        Booting MachineExited Broken SandboxBroken
        Broken BootFailed Broken
        Broken MachineExited Broken
        Ready Stop Stopping
        Ready MachineExited Stopping SandboxLost
        Stopping Stop Stopping
        Stopping MachineExited Stopping
        Stopping Released Stopped SandboxStopped
        Stopping ReleaseFailed Broken SandboxBroken
        Broken Stop Stopping
        Stopped Stop Stopped
        Stopped MachineExited Stopped
        """;

    private const string Container = """
        Creating GuestCreated Created ContainerCreated
        Creating CreateFailed Deleted
        Creating Cancelled Deleted
        Created GuestStarted Running ContainerStarted
        Created StartFailed Stopped
        Created InitExited Stopped ProcessExited
        Running InitExited Stopped ProcessExited
        Paused InitExited Stopped ProcessExited
        Running GuestPaused Paused ContainerPaused
        Paused GuestResumed Running ContainerResumed
        Created Delete Deleted ContainerDeleted
        Stopped Delete Deleted ContainerDeleted
        """;

    private const string Process = """
        Added GuestStarted Running ExecStarted
        Added StartFailed Exited
        Added InitExited Exited
        Running Exited Exited ProcessExited
        Running InitExited Exited ProcessExited
        Added Delete Deleted ExecDeleted
        Exited Delete Deleted ExecDeleted
        """;

    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly SandboxId Id = SandboxId.Parse("pod");

    // Reports of what has ended already are ignored, not refused: the first report wins.
    private static readonly string[] Ignored =
    [
        "Container Creating InitExited", "Container Stopped InitExited", "Container Deleted InitExited",
        "Container Stopped StartFailed", "Container Deleted StartFailed",
        "Process Added Exited", "Process Exited Exited", "Process Exited InitExited", "Process Exited StartFailed",
        "Process Deleted Exited", "Process Deleted InitExited",
    ];

    public static TheoryData<SandboxState, SandboxTrigger> SandboxProduct => Product<SandboxState, SandboxTrigger>();

    public static TheoryData<ContainerState, ContainerTrigger> ContainerProduct =>
        Product<ContainerState, ContainerTrigger>();

    public static TheoryData<ProcessState, ProcessTrigger> ProcessProduct => Product<ProcessState, ProcessTrigger>();

    [Theory]
    [MemberData(nameof(SandboxProduct))]
    public void Sandbox_when_triggered_takes_its_row_or_refuses(SandboxState state, SandboxTrigger trigger)
    {
        var sandbox = A.Sandbox(state);

        Check("Sandbox", Sandbox, state, trigger, "sandbox pod", () =>
        {
            switch (trigger)
            {
                case SandboxTrigger.Boot: sandbox.BeginBoot(); break;
                case SandboxTrigger.GuestAnswered: sandbox.RecordGuestAnswer(); break;
                case SandboxTrigger.BootFailed: sandbox.RecordBootFailure(); break;
                case SandboxTrigger.MachineExited: sandbox.RecordMachineExit(); break;
                case SandboxTrigger.Stop: sandbox.BeginStop(); break;
                case SandboxTrigger.Released: sandbox.RecordRelease(); break;
                default: sandbox.RecordReleaseFailure(); break;
            }
        }, () => sandbox.State, sandbox);
    }

    [Theory]
    [MemberData(nameof(ContainerProduct))]
    public void Container_when_triggered_takes_its_row_or_refuses(ContainerState state, ContainerTrigger trigger)
    {
        var container = A.Container(state);
        var init = container.Init.Ref;

        Check("Container", Container, state, trigger, "container box", () =>
        {
            switch (trigger)
            {
                case ContainerTrigger.GuestCreated: container.RecordCreation(7); break;
                case ContainerTrigger.CreateFailed: container.RecordCreateFailure(cancelled: false); break;
                case ContainerTrigger.Cancelled: container.RecordCreateFailure(cancelled: true); break;
                case ContainerTrigger.GuestStarted: container.RecordStart(init); break;
                case ContainerTrigger.StartFailed: container.RecordStartFailure(init, Now); break;
                case ContainerTrigger.InitExited: container.RecordExit(init, new ExitStatus(1, Now)); break;
                case ContainerTrigger.GuestPaused: container.RecordPause(); break;
                case ContainerTrigger.GuestResumed: container.RecordResume(); break;
                default: container.Delete(init, Now); break;
            }
        }, () => container.State, container);
    }

    [Theory]
    [MemberData(nameof(ProcessProduct))]
    public void Process_when_triggered_takes_its_row_or_refuses(ProcessState state, ProcessTrigger trigger)
    {
        if (state == ProcessState.Deleted)
            return;
        var (container, exec) = A.Exec(state);

        Check("Process", Process, state, trigger, "exec e of container box", () =>
        {
            switch (trigger)
            {
                case ProcessTrigger.GuestStarted: container.RecordStart(exec.Ref); break;
                case ProcessTrigger.StartFailed: container.RecordStartFailure(exec.Ref, Now); break;
                case ProcessTrigger.Exited: container.RecordExit(exec.Ref, new ExitStatus(1, Now)); break;
                case ProcessTrigger.InitExited: container.RecordExit(container.Init.Ref, new ExitStatus(1, Now)); break;
                default: container.Delete(exec.Ref, Now); break;
            }
        }, () => exec.State, container, fact => fact is not ProcessExited { Process.IsInit: true });
    }

    [Fact]
    public void Tables_hold_exactly_the_rows_that_are_written_here()
    {
        Rows(SandboxTransitions.Table).Should().BeEquivalentTo(Expected(Sandbox));
        Rows(ContainerTransitions.Table).Should().BeEquivalentTo(Expected(Container));
        Rows(ProcessTransitions.Table).Should().BeEquivalentTo(Expected(Process));
    }

    private static IEnumerable<string> Rows<TState, TTrigger>(StateTable<TState, TTrigger> table)
        where TState : struct, Enum
        where TTrigger : struct, Enum => table.Rows.Select(row => $"{row.From} {row.Trigger} {row.To}");

    private static IEnumerable<string> Expected(string rows) =>
        rows.Split('\n').Select(row => string.Join(' ', row.Trim().Split(' ').Take(3)));

    private static void Check<TState, TTrigger>(
        string table, string rows, TState state, TTrigger trigger, string subject, Action act, Func<TState> next,
        AggregateRoot aggregate,
        Func<IDomainEvent, bool>? counts = null)
        where TState : struct, Enum
        where TTrigger : struct, Enum
    {
        aggregate.DequeueEvents();
        var row = rows.Split('\n').Select(line => line.Trim().Split(' '))
            .FirstOrDefault(words => words[0] == $"{state}" && words[1] == $"{trigger}");
        if (row is not null)
        {
            act();
            next().ToString().Should().Be(row[2]);
            aggregate.DequeueEvents().Where(counts ?? (_ => true)).Select(fact => fact.GetType().Name)
                .Should().Equal(row.Skip(3));
        }
        else if (Ignored.Contains($"{table} {state} {trigger}"))
        {
            act();
            next().Should().Be(state);
            aggregate.DequeueEvents().Where(counts ?? (_ => true)).Should().BeEmpty();
        }
        else
        {
            var refusal = act.Should().Throw<KataException>().Which;
            refusal.Kind.Should().Be(ErrorKind.FailedPrecondition);
            refusal.Message.Should().Contain(subject).And.Contain($"{state}").And.Contain($"{trigger}");
            next().Should().Be(state);
            aggregate.DequeueEvents().Should().BeEmpty();
        }
    }

    private static TheoryData<TState, TTrigger> Product<TState, TTrigger>()
        where TState : struct, Enum
        where TTrigger : struct, Enum
    {
        var data = new TheoryData<TState, TTrigger>();
        foreach (var state in Enum.GetValues<TState>())
        {
            foreach (var trigger in Enum.GetValues<TTrigger>())
                data.Add(state, trigger);
        }

        return data;
    }
}
