using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IHypervisor"/> keeps to whose VMM is a process: what shows outside of the port.</summary>
public abstract class HypervisorProcessContract : HypervisorContract
{
    [Fact]
    public async Task Launch_when_vmm_works_answers_a_process_that_runs()
    {
        await using var machine = await LaunchAsync();

        ProcFs.Stat(machine.ProcessId).Should().NotBeNull();
    }

    [Fact]
    public async Task Launch_when_done_has_recorded_its_process_before_and_after_its_start()
    {
        await using var machine = await LaunchAsync();

        var records = Ledger.History.Where(r => r.Kind == ResourceKind.Process).ToList();
        records[0].ProcessId.Should().Be(0);
        records.Should().Contain(
            r => r.ProcessId == machine.ProcessId && r.StartTime == (ulong)ProcFs.StartTime(machine.ProcessId)!);
    }

    [Fact]
    public async Task Launch_when_placed_has_the_score_by_which_memory_is_taken_back()
    {
        var placed = Placement with { OomScoreAdjustment = 321 };
        await using var machine = await Hypervisor.LaunchAsync(Machine(VmmBehaviour.Works), placed, Ledger, Ct);

        (await File.ReadAllTextAsync($"/proc/{machine.ProcessId}/oom_score_adj", Ct)).Trim().Should().Be("321");
    }

    /// <summary>No process and no file either.</summary>
    protected override void NothingIsLeft()
    {
        base.NothingIsLeft();
        if (Directory.Exists(StateDirectory))
            Directory.GetFileSystemEntries(StateDirectory).Should().BeEmpty();
        foreach (var record in Ledger.History.Where(r => r.ProcessId > 0))
            ProcFs.StartTime(record.ProcessId).Should().NotBe((long)record.StartTime);
    }

    protected override void Kill(IVirtualMachine machine)
    {
        using var process = PidFd.Open(machine.ProcessId);
        process.SendSignal(Signals.SIGKILL);
    }
}
