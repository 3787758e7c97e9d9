using System.Diagnostics;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What a VMM does when it is started.</summary>
public enum VmmBehaviour
{
    /// <summary>It answers.</summary>
    Works,

    /// <summary>It ends at once with a complaint.</summary>
    ExitsAtOnce,

    /// <summary>It runs and says nothing.</summary>
    NeverAnswers,
}

/// <summary>What every <see cref="IHypervisor"/> keeps to, as far as its callers see.</summary>
public abstract class HypervisorContract : IDisposable
{
    /// <summary>Far more than anything here takes on a busy host.</summary>
    protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("vmm").FullName;
    private readonly CancellationTokenSource _limit = new(Limit);

    /// <summary>What the machine took, and in which order.</summary>
    protected HypervisorLedger Ledger { get; } = new();

    protected CancellationToken Ct => _limit.Token;

    protected string StateDirectory => Path.Combine(_directory, "state");

    protected VmPlacement Placement => new() { StateDirectory = HostPath.Parse(StateDirectory, "state directory") };

    /// <summary>The hypervisor under test.</summary>
    protected abstract IHypervisor Hypervisor { get; }

    /// <summary>A machine whose VMM behaves like that; it has one second to answer where it never does.</summary>
    protected abstract VmSpec Machine(VmmBehaviour behaviour);

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Launch_when_vmm_works_answers_a_running_machine()
    {
        await using var machine = await LaunchAsync();

        machine.Exited.IsCompleted.Should().BeFalse();
        machine.ProcessId.Should().BePositive();
        machine.Choices.Should().NotBeEmpty();
        machine.Guest.ToString().Should().Contain("://");
    }

    [Fact]
    public async Task Launch_when_done_has_its_process_in_the_ledger()
    {
        await using var machine = await LaunchAsync();

        Ledger.Read().Held.Should().ContainSingle(
            r => r.Kind == ResourceKind.Process && r.ProcessId == machine.ProcessId);
    }

    [Fact]
    public async Task Time_that_a_machine_was_kept_waiting_is_no_longer_than_its_life_and_none_after_it()
    {
        var begin = Stopwatch.GetTimestamp();
        await using var machine = await LaunchAsync();

        var waited = machine.KeptWaiting;
        var age = Stopwatch.GetElapsedTime(begin);
        await machine.StopAsync(TimeSpan.Zero, Ct);

        waited.Should().BeGreaterThanOrEqualTo(TimeSpan.Zero).And.BeLessThan(age);
        machine.KeptWaiting.Should().Be(TimeSpan.Zero);
    }

    [Fact]
    public async Task Stop_when_running_leaves_nothing()
    {
        await using var machine = await LaunchAsync();

        await machine.StopAsync(TimeSpan.Zero, Ct);

        machine.Exited.IsCompleted.Should().BeTrue();
        NothingIsLeft();
    }

    [Fact]
    public async Task Stop_when_stopped_already_does_nothing()
    {
        await using var machine = await LaunchAsync();

        await Task.WhenAll(machine.StopAsync(TimeSpan.Zero, Ct), machine.StopAsync(TimeSpan.Zero, Ct));
        await machine.StopAsync(TimeSpan.FromMinutes(10), Ct);

        NothingIsLeft();
    }

    [Fact]
    public async Task Stop_when_cancelled_still_ends_the_machine()
    {
        await using var machine = await LaunchAsync();

        await machine.StopAsync(TimeSpan.FromMinutes(10), new CancellationToken(canceled: true));

        NothingIsLeft();
    }

    [Fact]
    public async Task Pause_when_running_can_be_undone()
    {
        await using var machine = await LaunchAsync();

        await machine.PauseAsync(Ct);
        await machine.ResumeAsync(Ct);

        machine.Exited.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task Exited_when_vmm_is_killed_tells_the_signal_and_commands_are_unavailable()
    {
        await using var machine = await LaunchAsync();

        Kill(machine);

        (await machine.Exited.WaitAsync(Ct)).End.Should().Be(new VmmEnd(null, 9));
        (await machine.Invoking(m => m.PauseAsync(Ct)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.Unavailable);
        await machine.StopAsync(TimeSpan.Zero, Ct);
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_vmm_exits_at_once_tells_its_end_and_its_words()
    {
        var thrown = (await Launching(VmmBehaviour.ExitsAtOnce).Should().ThrowAsync<KataException>()).Which;

        thrown.Kind.Should().NotBe(ErrorKind.DeadlineExceeded);
        thrown.Report!.Vmm!.ExitCode.Should().BePositive();
        thrown.Report.VmmErrors.Should().NotBeEmpty();
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_vmm_never_answers_ends_at_the_deadline()
    {
        var launching = Hypervisor.LaunchAsync(Machine(VmmBehaviour.NeverAnswers), Placement, Ledger, Ct);

        var thrown = (await FluentActions.Awaiting(() => EndAsync(launching)).Should().ThrowAsync<KataException>()).Which;


        thrown.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_cancelled_leaves_nothing()
    {
        using var cancel = new CancellationTokenSource();
        var machine = Machine(VmmBehaviour.NeverAnswers);
        var launching = Hypervisor.LaunchAsync(
            machine with { Machine = machine.Machine with { ControlTimeout = Limit } }, Placement, Ledger,
            cancel.Token);
        await Ledger.ProcessStarted.WaitAsync(Ct);

        await cancel.CancelAsync();

        await launching.Invoking(l => l.WaitAsync(Ct)).Should().ThrowAsync<OperationCanceledException>();
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_program_is_missing_names_it()
    {
        var machine = Machine(VmmBehaviour.Works);
        var missing = machine with
        {
            Machine = machine.Machine with { Program = HostPath.Parse("/nowhere/vmm", "program") }
        };

        var thrown = (
            await Hypervisor.Invoking(h => h.LaunchAsync(missing, Placement, Ledger, Ct))
                .Should().ThrowAsync<KataException>()).Which;

        thrown.Message.Should().Contain("/nowhere/vmm").And.NotContainEquivalentOf("no such file");
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_ledger_is_full_starts_nothing()
    {
        Ledger.IsFull = true;

        (await Launching(VmmBehaviour.Works).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.ResourceExhausted);

        NothingIsLeft();
    }

    protected Task<IVirtualMachine> LaunchAsync() =>
        Hypervisor.LaunchAsync(Machine(VmmBehaviour.Works), Placement, Ledger, Ct);

    protected Func<Task> Launching(VmmBehaviour behaviour) =>
        () => Hypervisor.LaunchAsync(Machine(behaviour), Placement, Ledger, Ct);

    /// <summary>Nothing is taken, and no entry in the ledger.</summary>
    protected virtual void NothingIsLeft() => Ledger.Read().Held.Should().BeEmpty();

    /// <summary>Ends the VMM by SIGKILL.</summary>
    protected abstract void Kill(IVirtualMachine machine);

    /// <summary>Lets the hypervisor's time pass until the task has ended.</summary>
    protected virtual Task EndAsync(Task task) => task.WaitAsync(Ct);
}
