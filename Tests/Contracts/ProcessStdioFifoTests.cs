using System.Text;
using FluentAssertions;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Adapters.Shimv2.Stdio;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Linux;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>Real fifos, files and logging programs.</summary>
public sealed class ProcessStdioFifoTests : ProcessStdioContract, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("stdio").FullName;
    private int _clients;

    protected override IProcessStdio Port { get; } =
        new ProcessStdio(new BinaryLoggers(new ShimEnvironment("ns1", ""), TimeProvider.System), TimeProvider.System);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    protected override IClientStreams NewClient(bool terminal = false) =>
        new FifoClient(Path.Combine(_directory, $"{_clients++}"), terminal);

    [Theory]
    [InlineData("stdin")]
    [InlineData("stdout")]
    [InlineData("stderr")]
    public async Task Open_of_a_fifo_that_is_gone_fails_and_makes_nothing(string missing)
    {
        await using var client = (FifoClient)NewClient();
        var path = Path.Combine(_directory, "gone");
        var paths = missing switch
        {
            "stdin" => client.Paths with { Stdin = path },
            "stdout" => client.Paths with { Stdout = path },
            _ => client.Paths with { Stderr = path },
        };
        var before = OpenFilesUnder(client.Directory);

        var failure = await FluentActions.Awaiting(() => Port.OpenAsync(Process, paths, CancellationToken.None))
            .Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.NotFound);
        failure.Which.Message.Should().Contain(path).And.NotContainEquivalentOf("no such file");
        File.Exists(path).Should().BeFalse();
        OpenFilesUnder(client.Directory).Should().Be(before);
    }

    [Fact]
    public async Task Open_of_a_regular_file_in_a_fifos_place_is_refused()
    {
        var path = Path.Combine(_directory, "file");
        await File.WriteAllTextAsync(path, "");

        var failure = await FluentActions.Awaiting(
            () => Port.OpenAsync(Process, new Stdio("", path, "", false), CancellationToken.None))
            .Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.InvalidArgument);
    }

    [Fact]
    public async Task Open_leaves_the_input_untaken_until_the_process_runs()
    {
        await using var client = (FifoClient)NewClient();
        await using var pipes = await Port.OpenAsync(Process, client.Paths, CancellationToken.None);

        var early = () => Fifo.OpenWriter(client.Paths.Stdin).Dispose();
        early.Should().Throw<LinuxException>().Which.Errno.Should().Be(Errno.ENXIO);
        File.Delete(client.Paths.Stdin);
        pipes.OpenStdin();

        await client.WriteStdinAsync("hello");
        var buffer = new byte[16];
        (await pipes.ReadStdinAsync(buffer, CancellationToken.None)).Should().Be(5);
    }

    [Fact]
    public async Task Write_while_the_client_is_away_is_there_when_it_is_back()
    {
        var path = Path.Combine(_directory, "stdout");
        Fifo.Create(path);
        await using var pipes = await Port.OpenAsync(Process, new Stdio("", path, "", false), CancellationToken.None);

        await WriteAsync(pipes, GuestStream.Stdout, "while you were out");
        pipes.CloseOutput(GuestStream.Stdout);
        using var reader = await OpenAgainAsync(path);

        (await FifoClient.ReadAsync(reader).WaitAsync(Patience)).Should().Be("while you were out");
    }

    [Fact]
    public async Task Write_that_a_client_left_unread_when_it_went_is_there_when_it_is_back()
    {
        var path = Path.Combine(_directory, "stdout");
        Fifo.Create(path);
        var first = Fifo.OpenReader(path);
        await using var pipes = await Port.OpenAsync(Process, new Stdio("", path, "", false), CancellationToken.None);

        await WriteAsync(pipes, GuestStream.Stdout, "last words");
        pipes.CloseOutput(GuestStream.Stdout);
        first.Dispose();
        using var reader = await OpenAgainAsync(path);

        (await FifoClient.ReadAsync(reader).WaitAsync(Patience)).Should().Be("last words");
    }

    [Fact]
    public async Task Dispose_when_nobody_came_to_read_what_was_written_leaves_nothing_open()
    {
        var path = Path.Combine(_directory, "stdout");
        Fifo.Create(path);
        var before = OpenFilesUnder(_directory);
        var pipes = await Port.OpenAsync(Process, new Stdio("", path, "", false), CancellationToken.None);
        await WriteAsync(pipes, GuestStream.Stdout, "nobody reads this");
        pipes.CloseOutput(GuestStream.Stdout);

        await pipes.DisposeAsync();

        OpenFilesUnder(_directory).Should().Be(before);
    }

    [Fact]
    public async Task Write_to_a_file_appends_both_outputs_and_makes_directories()
    {
        var path = Path.Combine(_directory, "a b", "c.log");

        for (var run = 0; run < 2; run++)
        {
            await using var pipes = await Port.OpenAsync(
                Process,
                new Stdio(
                    "", $"file://{Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal)}", "",
                    false), CancellationToken.None);
            await WriteAsync(pipes, GuestStream.Stdout, "out ");
            await WriteAsync(pipes, GuestStream.Stderr, "err ");
        }

        (await File.ReadAllTextAsync(path)).Should().Be("out err out err ");
    }

    [Fact]
    public async Task Open_with_a_logging_program_gives_it_the_outputs_and_two_variables()
    {
        var log = Path.Combine(_directory, "seen");
        var program = Script($"""
            env | grep -v -e '^PWD=' -e '^SHLVL=' -e '^_=' | sort > {log}.env
            echo "$@" > {log}.args
            exec 5>&-
            cat <&3 > {log}.out
            cat <&4 > {log}.err
            touch {log}.done
            """);

        var pipes = await Port.OpenAsync(
            Process, new Stdio("", $"binary://{program}?key=value", "", false), CancellationToken.None);
        await WriteAsync(pipes, GuestStream.Stdout, "out");
        await WriteAsync(pipes, GuestStream.Stderr, "err");
        pipes.CloseOutput(GuestStream.Stdout);
        pipes.CloseOutput(GuestStream.Stderr);
        while (!File.Exists(log + ".done"))
            await Task.Yield();
        await pipes.DisposeAsync();

        (await File.ReadAllTextAsync(log + ".env")).Should().Be("CONTAINER_ID=c1\nCONTAINER_NAMESPACE=ns1\n");
        (await File.ReadAllTextAsync(log + ".args")).Should().Be("key value\n");
        (await File.ReadAllTextAsync(log + ".out")).Should().Be("out");
        (await File.ReadAllTextAsync(log + ".err")).Should().Be("err");
    }

    [Fact]
    public async Task Open_with_a_logging_program_of_version_2_that_says_nothing_fails()
    {
        var program = Script("exit 0");

        var failure = await FluentActions.Awaiting(
            () => Port.OpenAsync(Process, new Stdio("", $"binary-v2://{program}", "", false), CancellationToken.None))
            .Should().ThrowAsync<KataException>();

        failure.Which.Kind.Should().Be(ErrorKind.FailedPrecondition);
    }

    /// <summary>
    /// As managers written in Go open a fifo again: in a thread that waits for a writer, so for ever if there is none.
    /// </summary>
    private static Task<SafeFileHandle> OpenAgainAsync(string path) =>
        Task.Factory.StartNew(
            () => DescriptorIo.Open(path, OpenFlags.O_RDONLY), CancellationToken.None,
            TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(Patience);

    private string Script(string body)
    {
        var path = Path.Combine(_directory, "logger");
        File.WriteAllText(path, "#!/bin/sh\nPATH=/usr/bin:/bin\n" + body + "\n");
        Nodes.ChangeMode(path, 0x1ED);
        return path;
    }

    private static int OpenFilesUnder(string directory) => Directory.EnumerateFiles("/proc/self/fd")
        .Count(link => TargetOf(link)?.StartsWith(directory, StringComparison.Ordinal) ?? false);

    private static string? TargetOf(string link)
    {
        try
        {
            return File.ResolveLinkTarget(link, false)?.FullName;
        }
        catch (IOException)
        {
            // Another test has closed it meanwhile.
            return null;
        }
    }

    private sealed class FifoClient : IClientStreams
    {
        private readonly SafeFileHandle _stdin;
        private readonly SafeFileHandle _stdout;
        private readonly SafeFileHandle _stderr;

        public FifoClient(string directory, bool terminal)
        {
            Directory = System.IO.Directory.CreateDirectory(directory).FullName;
            Paths = new Stdio(
                Path.Combine(directory, "stdin"), Path.Combine(directory, "stdout"), Path.Combine(directory, "stderr"),
                terminal);
            foreach (var path in (string[])[Paths.Stdin, Paths.Stdout, Paths.Stderr])
                Fifo.Create(path);
            // As containerd's client: readers without waiting, and a writer, for which the shim's reader must be there
            // first.
            _stdout = Fifo.OpenReader(Paths.Stdout);
            _stderr = Fifo.OpenReader(Paths.Stderr);
            using var opener = Fifo.OpenReader(Paths.Stdin);
            _stdin = Fifo.OpenWriter(Paths.Stdin);
        }

        public string Directory { get; }

        public Stdio Paths { get; }

        public async Task WriteStdinAsync(string text) =>
            await DescriptorIo.WriteAsync(_stdin, Encoding.UTF8.GetBytes(text));

        public void CloseStdin() => _stdin.Dispose();

        public Task<string> ReadToEndAsync(GuestStream stream) =>
            ReadAsync(stream == GuestStream.Stdout ? _stdout : _stderr);

        public static async Task<string> ReadAsync(SafeFileHandle reader)
        {
            var all = new MemoryStream();
            var buffer = new byte[65536];
            int count;
            while ((count = await DescriptorIo.ReadAsync(reader, buffer)) > 0)
                all.Write(buffer, 0, count);
            return Encoding.UTF8.GetString(all.ToArray());
        }

        public ValueTask DisposeAsync()
        {
            _stdin.Dispose();
            Poller.Close(_stdout);
            Poller.Close(_stderr);
            return ValueTask.CompletedTask;
        }
    }
}
