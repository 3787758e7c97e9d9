using System.Text;
using FluentAssertions;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>The client's ends of a process's streams, as a container manager holds them.</summary>
public interface IClientStreams : IAsyncDisposable
{
    /// <summary>What to hand to the port.</summary>
    Stdio Paths { get; }

    /// <summary>Writes to the process's input.</summary>
    Task WriteStdinAsync(string text);

    /// <summary>Lets the input go, as a client that detaches or has no more to say.</summary>
    void CloseStdin();

    /// <summary>Reads an output to its end.</summary>
    Task<string> ReadToEndAsync(GuestStream stream);
}

/// <summary>What every implementation of <see cref="IProcessStdio"/> promises.</summary>
public abstract class ProcessStdioContract
{
    protected static readonly ProcessRef Process = new(ContainerId.Parse("c1"));
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected abstract IProcessStdio Port { get; }

    protected abstract IClientStreams NewClient(bool terminal = false);

    [Fact]
    public async Task Read_gives_what_the_client_wrote()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        pipes.OpenStdin();

        await client.WriteStdinAsync("hello");

        (await ReadAsync(pipes)).Should().Be("hello");
    }

    [Fact]
    public async Task Read_when_the_client_let_go_is_no_end_until_CloseStdin()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        pipes.OpenStdin();
        await client.WriteStdinAsync("last words");
        client.CloseStdin();
        (await ReadAsync(pipes)).Should().Be("last words");

        var next = ReadAsync(pipes);
        next.IsCompleted.Should().BeFalse();
        pipes.CloseStdin();

        (await next).Should().BeEmpty();
    }

    [Fact]
    public async Task Read_after_CloseStdin_gives_first_what_was_written_before()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        pipes.OpenStdin();
        await client.WriteStdinAsync("before");
        client.CloseStdin();

        pipes.CloseStdin();
        pipes.CloseStdin();

        (await ReadAsync(pipes)).Should().Be("before");
        (await ReadAsync(pipes)).Should().BeEmpty();
    }

    [Fact]
    public async Task Write_reaches_the_client_and_CloseOutput_ends_each_stream_alone()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        var stdout = client.ReadToEndAsync(GuestStream.Stdout);
        var stderr = client.ReadToEndAsync(GuestStream.Stderr);

        await WriteAsync(pipes, GuestStream.Stdout, "out");
        await WriteAsync(pipes, GuestStream.Stderr, "err");
        pipes.CloseOutput(GuestStream.Stdout);
        pipes.CloseOutput(GuestStream.Stdout);

        (await stdout.WaitAsync(Patience)).Should().Be("out");
        stderr.IsCompleted.Should().BeFalse();
        pipes.CloseOutput(GuestStream.Stderr);
        (await stderr.WaitAsync(Patience)).Should().Be("err");
    }

    [Fact]
    public async Task Write_while_the_client_does_not_read_waits_and_can_be_broken_off()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        using var cancel = new CancellationTokenSource();

        var write = pipes.WriteAsync(GuestStream.Stdout, new byte[8 * 1024 * 1024], cancel.Token).AsTask();
        write.IsCompleted.Should().BeFalse();
        await cancel.CancelAsync();

        await FluentActions.Awaiting(() => write.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Write_of_much_reaches_the_client_whole()
    {
        await using var client = NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);
        var text = string.Concat(Enumerable.Range(0, 200_000).Select(i => (char)('a' + (i % 26))));
        var stdout = client.ReadToEndAsync(GuestStream.Stdout);

        await WriteAsync(pipes, GuestStream.Stdout, text);
        pipes.CloseOutput(GuestStream.Stdout);

        (await stdout.WaitAsync(Patience)).Should().Be(text);
    }

    [Fact]
    public async Task Open_without_streams_has_none_and_takes_writes_all_the_same()
    {
        await using var pipes = await Port.OpenAsync(Process, Stdio.None, CancellationToken.None);

        pipes.HasStdin.Should().BeFalse();
        pipes.Takes(GuestStream.Stdout).Should().BeFalse();
        pipes.Takes(GuestStream.Stderr).Should().BeFalse();
        await WriteAsync(pipes, GuestStream.Stdout, "nobody hears this");
        pipes.CloseStdin();
        pipes.CloseOutput(GuestStream.Stdout);
    }

    [Fact]
    public async Task Open_of_a_terminal_has_one_output()
    {
        await using var client = NewClient(terminal: true);
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);

        pipes.HasStdin.Should().BeTrue();
        pipes.Takes(GuestStream.Stdout).Should().BeTrue();
        pipes.Takes(GuestStream.Stderr).Should().BeFalse();
    }

    protected static async Task<string> ReadAsync(IStdioPipes pipes)
    {
        var buffer = new byte[65536];
        var count = await pipes.ReadStdinAsync(buffer, CancellationToken.None).AsTask().WaitAsync(Patience);
        return Encoding.UTF8.GetString(buffer, 0, count);
    }

    protected static async Task WriteAsync(IStdioPipes pipes, GuestStream stream, string text) =>
        await pipes.WriteAsync(stream, Encoding.UTF8.GetBytes(text), CancellationToken.None).AsTask()
            .WaitAsync(Patience);
}
