using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What holds a VMM or a daemon, with the entry that the core keeps of it.</summary>
public sealed class SupervisedProcessTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly CancellationToken AtOnce = new(canceled: true);

    private readonly HypervisorLedger _ledger = new();

    public SupervisedProcessTests() => QemuStandIn.UseLauncher();

    [Fact]
    public async Task Start_writes_it_down_before_it_exists_and_then_with_its_pid()
    {
        var process = await StartAsync(Shell("exec sleep 1000"));

        _ledger.History.Select(held => held.ProcessId).Should().Equal(0, process.ProcessId);
        _ledger.History[1].StartTime.Should().Be((ulong)ProcFs.StartTime(process.ProcessId)!);
        await process.KillAsync();
        _ledger.Read().Held.Should().BeEmpty();
    }

    [Fact]
    public async Task Start_when_it_cannot_be_written_down_starts_nothing()
    {
        _ledger.IsFull = true;

        await FluentActions.Awaiting(() => StartAsync(Shell("exec sleep 1000"))).Should().ThrowAsync<KataException>();

        _ledger.ProcessStarted.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task Start_when_its_pid_cannot_be_written_down_leaves_nothing_running()
    {
        var forgotten = false;
        var start = Shell("exec sleep 1000") with
        {
            Record = (processId, _) =>
            {
                if (processId != 0)
                    throw new KataException(ErrorKind.ResourceExhausted, $"{processId}");
            },
            Forget = () => forgotten = true,
        };

        var failure = await FluentActions.Awaiting(() => StartAsync(start)).Should().ThrowAsync<KataException>();

        forgotten.Should().BeTrue();
        Directory.Exists($"/proc/{failure.Which.Message}").Should().BeFalse();
    }

    [Fact]
    public async Task Start_when_program_is_missing_strikes_it_out()
    {
        var start = Shell("") with { Program = "/no/such" };

        (await FluentActions.Awaiting(() => StartAsync(start)).Should().ThrowAsync<LinuxException>())
            .Which.Errno.Should().Be(Errno.ENOENT);

        _ledger.Read().Held.Should().BeEmpty();
    }

    [Fact]
    public async Task Exited_when_it_ends_by_itself_says_how_and_has_its_last_words()
    {
        var process = await StartAsync(Shell("echo booting; echo '\e[31mfailed' >&2; exit 3"));

        var exit = await process.Exited.WaitAsync(Limit);

        exit.Exit.ToString().Should().Be("exit status 3");
        process.Output.Lines.Should().Equal("booting");
        process.Errors.Lines.Should().Equal("failed");
    }

    [Fact]
    public async Task Exited_when_its_outputs_are_kept_in_one_has_both_in_order()
    {
        var both = new TextTail();
        var process = await StartAsync(
            Shell("echo one; echo two >&2; echo three") with { Output = both, Errors = both });

        await process.Exited.WaitAsync(Limit);

        both.Lines.Should().Equal("one", "two", "three");
    }

    [Fact]
    public async Task Output_when_it_says_what_is_awaited_tells_so_while_it_runs()
    {
        var tail = new TextTail(awaited: "ready");
        var process = await StartAsync(Shell("printf rea; printf 'dy\n'; exec sleep 1000") with { Output = tail });

        await tail.Seen.WaitAsync(Limit);

        process.Exited.IsCompleted.Should().BeFalse();
        await process.KillAsync();
    }

    [Fact]
    public async Task Stop_when_it_obeys_ends_it_by_sigterm()
    {
        var process = await StartAsync(Shell("exec sleep 1000"));

        await process.StopAsync(TimeSpan.Zero, CancellationToken.None);

        (await process.Exited).Exit.ToString().Should().Be($"signal {Signals.SIGTERM}");
    }

    [Fact]
    public async Task Stop_when_it_ignores_sigterm_and_there_is_no_time_kills_it()
    {
        var tail = new TextTail(awaited: "deaf");
        var process = await StartAsync(
            Shell("trap '' TERM; echo deaf; while :; do sleep 100; done") with { Output = tail });
        await tail.Seen.WaitAsync(Limit);

        await process.StopAsync(TimeSpan.Zero, AtOnce);
        await process.StopAsync(TimeSpan.Zero, AtOnce);

        (await process.Exited).Exit.Signal.Should().Be(Signals.SIGKILL);
        _ledger.Read().Held.Should().BeEmpty();
    }

    private SupervisedStart Shell(string script)
    {
        var entry = new ProcessEntry(_ledger, "daemon");
        return new SupervisedStart
        {
            Program = "/bin/sh",
            Arguments = ["-c", script],
            Record = entry.Record,
            Forget = entry.Forget
        };
    }

    private static Task<SupervisedProcess> StartAsync(SupervisedStart start) =>
        SupervisedProcess.StartAsync(start, new InheritedSet(), TimeProvider.System, CancellationToken.None);
}
