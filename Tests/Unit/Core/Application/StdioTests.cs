using FluentAssertions;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Tests.Harness;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Kata.Tests.Unit.Core.Application;

/// <summary>Output is never lost, and no timer decides it.</summary>
public sealed class StdioTests
{
    private const int Big = 1024 * 1024;

    [Fact]
    public void Output_when_the_process_ends_is_all_taken_on_its_own_stream() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "hello");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(3);

        shim.ClientOf("pod").Output.Should().Be("hello\n");
        shim.ClientOf("pod").Errors.Should().Be("oops\n");
    });

    [Fact]
    public void Output_when_the_reader_is_slow_the_exit_is_told_within_the_bound_and_the_machine_kept_until_it_is_taken() => HarnessShim.Run(async shim =>
    {
        shim.Stdio.ClientsRead = false;
        shim.Programs["flood"] = async process =>
        {
            await process.WriteAsync(GuestStream.Stdout, new byte[150 * 1024]);
            return 0;
        };
        await shim.CreateAsync("pod", program: "flood");
        await shim.StartAsync("pod");

        await shim.WaitAsync("pod");
        var told = shim.Events.Told.Single(told => told.Fact is ProcessExited).At;
        await shim.Time.Delay(TimeSpan.FromMinutes(5));

        told.Should().BeLessThan(TimeSpan.FromSeconds(1.1));
        shim.State.Should().Be(SandboxState.Ready);
        shim.ClientOf("pod").Bytes(GuestStream.Stdout).Length.Should().BeLessThan(150 * 1024);

        shim.ClientOf("pod").Reads = true;
        await shim.ClientOf("pod").EndOf(GuestStream.Stdout);
        shim.ClientOf("pod").Bytes(GuestStream.Stdout).Length.Should().Be(150 * 1024);
        await shim.StopAsync();
        shim.Host.Held.Should().BeEmpty();
    });

    [Fact]
    public void Output_of_an_exec_when_the_init_ends_is_taken_before_the_machine_goes() => HarnessShim.Run(async shim =>
    {
        shim.Stdio.ClientsRead = false;
        shim.Programs["flood"] = async process =>
        {
            await process.WriteAsync(GuestStream.Stdout, new byte[150 * 1024]);
            return 0;
        };
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e", "flood");
        await shim.StartAsync("pod", "e");
        await shim.WaitAsync("pod", "e");
        await shim.KillAsync("pod");
        await shim.WaitAsync("pod");
        await shim.Time.Delay(TimeSpan.FromMinutes(1));

        shim.ClientOf("pod", "e").Reads = true;
        await shim.ClientOf("pod", "e").EndOf(GuestStream.Stdout);

        shim.ClientOf("pod", "e").Bytes(GuestStream.Stdout).Length.Should().Be(150 * 1024);
        await shim.StopAsync();
    });

    [Fact]
    public void Output_when_a_grandchild_holds_the_stream_the_exit_is_told_and_delete_cuts_it_off() =>
        HarnessShim.Run(async shim =>
    {
        shim.Programs["daemon"] = async process =>
        {
            process.LeavesStreamsOpen = true;
            await process.PrintAsync("started\n");
            return 0;
        };
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");
        await shim.ExecAsync("pod", "e", "daemon");
        await shim.StartAsync("pod", "e");

        await shim.WaitAsync("pod", "e");
        shim.Guest.Process(ProcessRef.Parse("pod", "e")).Should().NotBeNull();
        await shim.Guest.Process(ProcessRef.Parse("pod", "e")).PrintAsync("later\n");
        var begin = shim.Time.Elapsed;
        await shim.DeleteAsync("pod", "e");

        shim.ClientOf("pod", "e").Output.Should().Be("started\nlater\n");
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(2.1));
        shim.ClientOf("pod", "e").EndOf(GuestStream.Stdout).IsCompleted.Should().BeTrue();
    });

    [Fact]
    public void Delete_when_the_client_never_reads_ends_within_its_bound() => HarnessShim.Run(async shim =>
    {
        shim.Stdio.ClientsRead = false;
        shim.Programs["flood"] = async process =>
        {
            await process.WriteAsync(GuestStream.Stdout, new byte[150 * 1024]);
            return 0;
        };
        await shim.CreateAsync("pod", program: "flood");
        await shim.StartAsync("pod");
        await shim.WaitAsync("pod");
        var begin = shim.Time.Elapsed;

        await shim.DeleteAsync("pod");

        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(15));
        shim.Host.Leftovers().Should().BeEmpty();
    });

    [Fact]
    public void Stdin_when_closed_by_the_client_reaches_the_process_after_all_that_was_written() =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "cat", stdin: true);
        await shim.StartAsync("pod");
        var data = new byte[Big];
        Random.Shared.NextBytes(data);
        var writing = shim.ClientOf("pod").Input.WriteAsync(data, default).AsTask();
        await writing;

        await shim.CloseStdinAsync("pod");
        (await shim.WaitAsync("pod")).Code.Should().Be(0);

        shim.ClientOf("pod").Bytes(GuestStream.Stdout).Should().Equal(data);
    });

    [Fact]
    public void CloseStdin_when_the_process_does_not_read_answers_at_once() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", stdin: true);
        await shim.StartAsync("pod");
        await shim.ClientOf("pod").Input.WriteAsync(new byte[60_000], default);
        var begin = shim.Time.Elapsed;

        await shim.CloseStdinAsync("pod");

        shim.Time.Elapsed.Should().Be(begin);
    });

    [Fact]
    public void Stdin_when_the_client_has_none_is_at_its_end_at_once() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", ContainerKind.PodSandbox);
        await shim.StartAsync("pod");
        await shim.CreateAsync("c1", ContainerKind.PodContainer, "cat");
        await shim.StartAsync("c1");
        var begin = shim.Time.Elapsed;

        (await shim.WaitAsync("c1")).Code.Should().Be(0);

        await shim.ExecAsync("pod", "e", "cat");
        await shim.StartAsync("pod", "e");
        (await shim.WaitAsync("pod", "e")).Code.Should().Be(0);
        (shim.Time.Elapsed - begin).Should().BeLessThan(TimeSpan.FromSeconds(1));
    });

    [Fact]
    public void Stdin_of_a_terminal_when_the_client_has_none_stays_open() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "cat", terminal: true);
        await shim.StartAsync("pod");
        await shim.Time.Delay(TimeSpan.FromSeconds(5));

        shim.Host.Calls.Should().NotContain("agent.close-stdin");
        (await shim.StateAsync("pod")).Exit.Should().BeNull();
    });

    [Theory]
    [InlineData(ErrorKind.NotFound)]
    [InlineData(ErrorKind.Unavailable)]
    public void Stdin_when_the_process_has_just_ended_is_no_matter_for_a_warning(ErrorKind kind) =>
        HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", program: "true");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(0);
        await shim.DeleteAsync("pod");

        shim.Host.Calls.Should().Contain("agent.close-stdin");
        shim.Log.Lines.Should().NotContain(line => line.Level >= LogLevel.Warning);
    }, new FaultSchedule(new Fault("agent.close-stdin", 1, FaultKind.Fail) { Error = kind }));

    [Fact]
    public void Output_when_writing_to_the_client_fails_is_dropped_and_the_process_runs_on() =>
        HarnessShim.Run(async shim =>
    {
        shim.Programs["talk"] = async process =>
        {
            for (var i = 0; i < 20; i++)
                await process.WriteAsync(GuestStream.Stdout, new byte[32 * 1024]);
            return 4;
        };
        await shim.CreateAsync("pod", program: "talk");
        await shim.StartAsync("pod");

        (await shim.WaitAsync("pod")).Code.Should().Be(4);
    }, new FaultSchedule(new Fault("stdio.write", 1, FaultKind.Fail)));

    [Fact]
    public void Terminal_when_started_has_the_size_asked_for_before_and_one_stream() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod", terminal: true);
        await shim.ResizeAsync("pod", 120, 40);
        await shim.StartAsync("pod");

        shim.Guest.Process(ProcessRef.Parse("pod", null)).Size.Should().Be(new TerminalSize(120, 40));
        shim.ClientOf("pod").EndOf(GuestStream.Stderr).IsCompleted.Should().BeTrue();

        await shim.ResizeAsync("pod", 80, 24);
        shim.Guest.Process(ProcessRef.Parse("pod", null)).Size.Should().Be(new TerminalSize(80, 24));
    });

    [Fact]
    public void Streams_when_the_machine_dies_end_for_the_client() => HarnessShim.Run(async shim =>
    {
        await shim.CreateAsync("pod");
        await shim.StartAsync("pod");

        shim.Host.Machine!.Die(new VmmEnd(null, 11));

        await shim.ClientOf("pod").EndOf(GuestStream.Stdout);
        (await shim.WaitAsync("pod")).Code.Should().Be(ExitStatus.Killed);
    });
}
