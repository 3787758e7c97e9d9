using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>What every <see cref="IGuestAgent"/> keeps to.</summary>
public abstract class GuestAgentContract : IAsyncLifetime
{
    protected static readonly ContainerId Box = ContainerId.Parse("box");
    protected static readonly ProcessRef Init = new(Box);
    protected static readonly ProcessRef Exec = new(Box, ExecId.Parse("exec-1"));

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));

    protected IGuestAgent Agent { get; private set; } = null!;

    protected CancellationToken Ct => _limit.Token;

    /// <summary>A connected agent of a guest without sandbox.</summary>
    protected abstract Task<IGuestAgent> ConnectAsync(CancellationToken ct);

    /// <summary>The guest's process writes to a stream.</summary>
    protected abstract void Print(ProcessRef process, GuestStream stream, string text);

    /// <summary>The guest's process ends.</summary>
    protected abstract void Exit(ProcessRef process, int code);

    /// <summary>What the guest's process has been given as input.</summary>
    protected abstract byte[] InputOf(ProcessRef process);

    /// <summary>Completes when the input of the guest's process has ended.</summary>
    protected abstract Task InputEndedAsync(ProcessRef process);

    /// <summary>The size of the terminal of the guest's process.</summary>
    protected abstract TerminalSize? SizeOf(ProcessRef process);

    /// <summary>The guest's kernel kills in a container for lack of memory.</summary>
    protected abstract void RunOutOfMemory(ContainerId container);

    /// <summary>The guest is gone.</summary>
    protected abstract Task VanishAsync();

    public async Task InitializeAsync() => Agent = await ConnectAsync(Ct);

    public virtual async Task DisposeAsync()
    {
        await Agent.DisposeAsync();
        _limit.Dispose();
    }

    [Fact]
    public async Task Check_when_agent_lives_returns() => await Agent.CheckAsync(Ct);

    [Fact]
    public async Task Open_when_sandbox_is_new_says_what_the_guest_is()
    {
        var details = await OpenAsync();

        details.AgentVersion.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Wait_when_init_ends_gives_its_code()
    {
        await RunAsync();
        var wait = Agent.WaitAsync(Init, Ct);

        Exit(Init, 3);
        await DrainAsync(Init);

        (await wait).Should().Be(3);
    }

    [Fact]
    public async Task Read_when_process_prints_gives_its_bytes_and_then_the_end()
    {
        await RunAsync();

        Print(Init, GuestStream.Stdout, "hello");
        Print(Init, GuestStream.Stderr, "oh");
        Exit(Init, 0);

        (await ReadAllAsync(Init, GuestStream.Stdout)).Should().Be("hello");
        (await ReadAllAsync(Init, GuestStream.Stderr)).Should().Be("oh");
    }

    [Fact]
    public async Task Read_when_nothing_is_there_waits_for_it()
    {
        await RunAsync();
        var buffer = new byte[16];
        var read = Agent.ReadAsync(Init, GuestStream.Stdout, buffer, Ct).AsTask();

        Print(Init, GuestStream.Stdout, "x");

        (await read).Should().Be(1);
        buffer[0].Should().Be((byte)'x');
    }

    [Fact]
    public async Task Read_when_buffer_is_small_keeps_the_rest_for_the_next()
    {
        await RunAsync();
        Print(Init, GuestStream.Stdout, "abcdef");
        var buffer = new byte[4];

        var first = await Agent.ReadAsync(Init, GuestStream.Stdout, buffer, Ct);
        var second = await Agent.ReadAsync(Init, GuestStream.Stdout, buffer, Ct);

        first.Should().Be(4);
        second.Should().Be(2);
    }

    [Fact]
    public async Task Wait_when_asked_before_output_is_read_loses_none_of_it()
    {
        await RunAsync();
        var wait = Agent.WaitAsync(Init, Ct);
        Print(Init, GuestStream.Stdout, "late");
        Exit(Init, 0);

        (await ReadAllAsync(Init, GuestStream.Stdout)).Should().Be("late");
        (await ReadAllAsync(Init, GuestStream.Stderr)).Should().BeEmpty();
        (await wait).Should().Be(0);
    }

    [Fact]
    public async Task Exec_when_container_runs_lives_beside_the_init()
    {
        await RunAsync();
        await Agent.ExecAsync(Exec, Program(), Ct);
        var wait = Agent.WaitAsync(Exec, Ct);

        Print(Exec, GuestStream.Stdout, "from exec");
        Exit(Exec, 7);

        (await ReadAllAsync(Exec, GuestStream.Stdout)).Should().Be("from exec");
        await ReadAllAsync(Exec, GuestStream.Stderr);
        (await wait).Should().Be(7);
    }

    [Fact]
    public async Task Wait_when_process_has_a_terminal_needs_no_end_of_stderr()
    {
        await OpenAsync();
        await Agent.CreateAsync(Container(terminal: true), Ct);
        await Agent.StartAsync(Box, Ct);
        var wait = Agent.WaitAsync(Init, Ct);

        Exit(Init, 0);
        await ReadAllAsync(Init, GuestStream.Stdout);

        (await wait).Should().Be(0);
    }

    [Fact]
    public async Task Read_when_process_has_a_terminal_finds_no_stderr()
    {
        await OpenAsync();
        await Agent.CreateAsync(Container(terminal: true), Ct);
        await Agent.StartAsync(Box, Ct);
        Print(Init, GuestStream.Stdout, "all");

        (await Agent.ReadAsync(Init, GuestStream.Stderr, new byte[8], Ct)).Should().Be(0);
        (await Agent.ReadAsync(Init, GuestStream.Stdout, new byte[8], Ct)).Should().Be(3);
    }

    [Fact]
    public async Task Wait_when_readers_have_given_up_still_gives_the_code()
    {
        await RunAsync();
        using var impatient = new CancellationTokenSource();
        var reads = new[] { GuestStream.Stdout, GuestStream.Stderr }.Select(
            s => Agent.ReadAsync(Init, s, new byte[8], impatient.Token).AsTask()).ToArray();
        var wait = Agent.WaitAsync(Init, Ct);

        await impatient.CancelAsync();
        Exit(Init, 4);

        foreach (var read in reads)
            await read.Invoking(r => r).Should().ThrowAsync<OperationCanceledException>();
        (await wait).Should().Be(4);
    }

    [Fact]
    public async Task Signal_when_it_kills_all_ends_every_process()
    {
        await RunAsync();
        await Agent.ExecAsync(Exec, Program(), Ct);
        var waits = new[] { Agent.WaitAsync(Init, Ct), Agent.WaitAsync(Exec, Ct) };

        await Agent.SignalAsync(Init, Signal.Kill, all: true, Ct);
        await DrainAsync(Init);
        await DrainAsync(Exec);

        (await Task.WhenAll(waits)).Should().Equal(137, 137);
    }

    [Fact]
    public async Task Signal_when_process_is_over_answers_not_found()
    {
        await RunAsync();
        await Agent.ExecAsync(Exec, Program(), Ct);
        var wait = Agent.WaitAsync(Exec, Ct);
        Exit(Exec, 0);
        await DrainAsync(Exec);
        await wait;

        await RefusedAsync(() => Agent.SignalAsync(Exec, Signal.Parse(15), all: false, Ct), ErrorKind.NotFound);
    }

    [Fact]
    public async Task Signal_when_container_is_unknown_answers_not_found()
    {
        await OpenAsync();

        await RefusedAsync(() => Agent.SignalAsync(Init, Signal.Kill, all: true, Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.SignalAsync(Init, Signal.Parse(15), all: false, Ct), ErrorKind.NotFound);
    }

    [Fact]
    public async Task Write_when_input_is_long_arrives_whole_and_in_order()
    {
        await RunAsync();
        var data = new byte[300_000];
        new Random(1).NextBytes(data);

        await Agent.WriteAsync(Init, data, Ct);

        InputOf(Init).Should().Equal(data);
    }

    [Fact]
    public async Task CloseStdin_when_called_twice_ends_the_input_once()
    {
        await RunAsync();

        await Agent.CloseStdinAsync(Init, Ct);
        await Agent.CloseStdinAsync(Init, Ct);

        await InputEndedAsync(Init);
    }

    [Fact]
    public async Task Write_when_data_is_empty_leaves_the_input_open()
    {
        await RunAsync();

        await Agent.WriteAsync(Init, ReadOnlyMemory<byte>.Empty, Ct);

        InputEndedAsync(Init).IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task Resize_when_process_has_a_terminal_sets_its_size()
    {
        await OpenAsync();
        await Agent.CreateAsync(Container(terminal: true), Ct);
        await Agent.StartAsync(Box, Ct);

        await Agent.ResizeAsync(Init, new TerminalSize(Columns: 120, Rows: 40), Ct);

        SizeOf(Init).Should().Be(new TerminalSize(Columns: 120, Rows: 40));
    }

    [Fact]
    public async Task Act_when_container_is_unknown_answers_not_found()
    {
        await OpenAsync();

        await RefusedAsync(() => Agent.StartAsync(Box, Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.PauseAsync(Box, Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.ResumeAsync(Box, Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.UpdateAsync(Box, new OciResources(), Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.StatsAsync(Box, Ct), ErrorKind.NotFound);
        await RefusedAsync(() => Agent.WaitAsync(Init, Ct), ErrorKind.NotFound);
    }

    [Fact]
    public async Task Pause_and_resume_when_container_runs_succeed()
    {
        await RunAsync();

        await Agent.PauseAsync(Box, Ct);
        await Agent.ResumeAsync(Box, Ct);
        await Agent.UpdateAsync(Box, new OciResources { Memory = new OciMemory { Limit = 64 << 20 } }, Ct);
        await Agent.StatsAsync(Box, Ct);
    }

    [Fact]
    public async Task Remove_when_container_is_gone_is_success()
    {
        await RunAsync();

        await Agent.RemoveAsync(Box, Ct);
        await Agent.RemoveAsync(Box, Ct);
    }

    [Fact]
    public async Task Create_when_container_was_removed_takes_the_id_again()
    {
        await RunAsync();
        await Agent.RemoveAsync(Box, Ct);

        await Agent.CreateAsync(Container(), Ct);
        await Agent.StartAsync(Box, Ct);
    }

    [Fact]
    public async Task Online_when_machine_has_grown_returns()
    {
        await OpenAsync();

        await Agent.OnlineResourcesAsync(new VmResources(2, 4, 512, 1024, 1), Ct);
    }

    [Fact]
    public async Task OutOfMemory_when_guest_kills_names_the_container()
    {
        await RunAsync();
        await using var watch = Agent.OutOfMemoryAsync(Ct).GetAsyncEnumerator(Ct);
        var next = watch.MoveNextAsync();

        RunOutOfMemory(Box);

        (await next).Should().BeTrue();
        watch.Current.Should().Be(Box);
    }

    [Fact]
    public async Task OutOfMemory_when_guest_vanishes_ends()
    {
        await RunAsync();
        await using var watch = Agent.OutOfMemoryAsync(Ct).GetAsyncEnumerator(Ct);
        var next = watch.MoveNextAsync();

        await VanishAsync();

        (await next).Should().BeFalse();
    }

    [Fact]
    public async Task Closed_when_guest_vanishes_says_why_and_calls_are_unavailable()
    {
        await RunAsync();
        var wait = Agent.WaitAsync(Init, Ct);
        var read = Agent.ReadAsync(Init, GuestStream.Stdout, new byte[8], Ct).AsTask();

        await VanishAsync();

        (await Agent.Closed.WaitAsync(Ct)).Should().NotBeEmpty();
        await RefusedAsync(() => wait, ErrorKind.Unavailable);
        await RefusedAsync(() => read, ErrorKind.Unavailable);
        await RefusedAsync(() => Agent.CheckAsync(Ct), ErrorKind.Unavailable);
    }

    [Fact]
    public async Task Read_when_cancelled_leaves_the_agent_usable()
    {
        await RunAsync();
        using var impatient = new CancellationTokenSource();
        var read = Agent.ReadAsync(Init, GuestStream.Stdout, new byte[8], impatient.Token).AsTask();

        await impatient.CancelAsync();

        await read.Invoking(r => r).Should().ThrowAsync<OperationCanceledException>();
        await Agent.CheckAsync(Ct);
    }

    [Fact]
    public async Task Close_when_sandbox_is_open_returns()
    {
        await RunAsync();

        await Agent.CloseAsync(Ct);
    }

    protected Task<GuestDetails> OpenAsync() =>
        Agent.OpenAsync(new GuestSandboxSpec { Sandbox = SandboxId.Parse("box"), Hostname = "box" }, Ct);

    protected async Task RunAsync()
    {
        await OpenAsync();
        await Agent.CreateAsync(Container(), Ct);
        await Agent.StartAsync(Box, Ct);
    }

    protected static OciProcess Program(bool terminal = false) => new() { Args = ["true"], Terminal = terminal };

    protected static GuestContainerSpec Container(bool terminal = false) => new()
    {
        Id = Box,
        Oci = new OciSpec
        {
            OciVersion = "1.0.2",
            Process = Program(terminal),
            Root = new OciRoot { Path = "/rootfs" }
        },
    };

    protected async Task DrainAsync(ProcessRef process)
    {
        await ReadAllAsync(process, GuestStream.Stdout);
        await ReadAllAsync(process, GuestStream.Stderr);
    }

    protected async Task<string> ReadAllAsync(ProcessRef process, GuestStream stream)
    {
        var all = new MemoryStream();
        var buffer = new byte[8];
        int n;
        while ((n = await Agent.ReadAsync(process, stream, buffer, Ct)) > 0)
            all.Write(buffer, 0, n);
        return System.Text.Encoding.UTF8.GetString(all.ToArray());
    }

    protected static async Task RefusedAsync(Func<Task> act, ErrorKind kind) =>
        (await act.Should().ThrowAsync<KataException>()).Which.Kind.Should().Be(kind);
}
