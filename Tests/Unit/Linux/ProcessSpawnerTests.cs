using System.Text;
using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

[Collection("kernel")]
public class ProcessSpawnerTests
{
    [Fact]
    public async Task Spawn_when_program_exits_tells_its_code()
    {
        await using var process = await ProcessSpawner.SpawnAsync(Shell("exit 7"));

        var exit = await process.Exited.InTime();

        exit.Should().Be(new ProcessExit(7, 0));
        process.Signal(Signals.SIGTERM).Should().BeFalse();
    }

    [Fact]
    public async Task Signal_when_running_ends_it_by_that_signal()
    {
        await using var process = ProcessSpawner.Spawn(
            new SpawnRequest { Path = "/bin/sleep", Arguments = ["sleep", "1000"] });
        ProcFs.IsAlive(process.ProcessId, process.StartTime).Should().BeTrue();

        process.Signal(Signals.SIGTERM).Should().BeTrue();
        var exit = await process.Exited.InTime();

        exit.Should().Be(new ProcessExit(0, Signals.SIGTERM));
        exit.Status.Should().Be(143);
        ProcFs.IsAlive(process.ProcessId, process.StartTime).Should().BeFalse();
    }

    [Fact]
    public async Task Dispose_when_running_kills_it()
    {
        var process = await ProcessSpawner.SpawnAsync(Shell("trap '' TERM; while :; do sleep 100; done"));

        await process.DisposeAsync();

        (await process.Exited.InTime()).Signal.Should().Be(Signals.SIGKILL);
    }

    [Fact]
    public async Task Spawn_when_program_is_missing_says_so()
    {
        var spawning = () => ProcessSpawner.SpawnAsync(new SpawnRequest { Path = "/no/such", Arguments = ["x"] });

        (await spawning.Should().ThrowAsync<LinuxException>()).Which.Errno.Should().Be(Errno.ENOENT);
    }

    [Fact]
    public async Task Spawn_gives_exactly_the_environment_and_descriptors_asked_for()
    {
        using var extra = Pipe.Create();

        var output = await OutputOf(
            Shell("env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= | sort; pwd; ls /proc/self/fd | tr '\\n' ' '") with
            {
                Environment = ["A=1", "B=zwei"],
                Descriptors = [new InheritedDescriptor(extra.Writer, 5)],
            });

        // ls itself opens 3 to read the directory; 4 stays free.
        output.Should().Be("A=1\nB=zwei\n/\n0 1 2 3 5 ");
    }

    [Fact]
    public async Task Spawn_when_targets_are_the_sources_of_others_keeps_them_apart()
    {
        using var first = Pipe.Create(nonBlockingReader: true);
        using var second = Pipe.Create(nonBlockingReader: true);
        var a = (int)first.Writer.DangerousGetHandle();
        var b = (int)second.Writer.DangerousGetHandle();

        await using var process = await ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = "/bin/bash",
            Arguments = ["bash", "-c", $"echo one >&{b}; echo two >&{a}"],
            Descriptors = [new InheritedDescriptor(first.Writer, b), new InheritedDescriptor(second.Writer, a)],
        });
        first.Writer.Dispose();
        second.Writer.Dispose();

        (await ReadToEnd(first.Reader)).Should().Be("one\n");
        (await ReadToEnd(second.Reader)).Should().Be("two\n");
    }

    [Fact]
    public async Task Spawn_gives_an_empty_signal_mask_and_default_dispositions()
    {
        var output = await OutputOf(
            new SpawnRequest { Path = "/bin/grep", Arguments = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"] });

        output.Should().Be("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    }

    [Theory]
    [InlineData(SpawnGroup.Own)]
    [InlineData(SpawnGroup.Session)]
    [InlineData(SpawnGroup.Inherit)]
    public async Task Spawn_places_the_child_in_the_group_asked_for(SpawnGroup group)
    {
        var ours = ProcFs.Stat(Environment.ProcessId)!.Value;

        await using var process = await ProcessSpawner.SpawnAsync(
            new SpawnRequest { Path = "/bin/sleep", Arguments = ["sleep", "1000"], Group = group });

        var stat = ProcFs.Stat(process.ProcessId)!.Value;
        stat.GroupId.Should().Be(group == SpawnGroup.Inherit ? ours.GroupId : process.ProcessId);
        stat.SessionId.Should().Be(group == SpawnGroup.Session ? process.ProcessId : ours.SessionId);
    }

    [Fact]
    public async Task Spawn_when_many_at_once_reaps_each()
    {
        var processes = await Task.WhenAll(
            Enumerable.Range(0, 60).Select(i => ProcessSpawner.SpawnAsync(Shell($"exit {i}"))));

        var exits = await Task.WhenAll(processes.Select(process => process.Exited)).InTime();

        exits.Select(exit => exit.Code).Should().Equal(Enumerable.Range(0, 60));
        processes.Should().OnlyContain(
            process =>
                ProcFs.Stat(process.ProcessId) == null || ProcFs.StartTime(process.ProcessId) != process.StartTime);
    }

    [Fact]
    public async Task Spawn_from_a_sealed_memfd_runs_it_without_passing_it_on()
    {
        using var program = MemFd.CreateFrom("/bin/ls");

        var output = await OutputOf(
            new SpawnRequest { Path = program.ExecutablePath, Arguments = ["ls", "/proc/self/fd"] });

        output.Should().Be("0\n1\n2\n3\n");
    }

    internal static SpawnRequest Shell(string script) => new()
    {
        Path = "/bin/sh",
        Arguments = ["sh", "-c", script],
        Environment = ["PATH=/usr/bin:/bin"],
    };

    internal static async Task<string> OutputOf(SpawnRequest request)
    {
        using var pipe = Pipe.Create(nonBlockingReader: true);
        await using var process = await ProcessSpawner.SpawnAsync(request with { StandardOutput = pipe.Writer });
        pipe.Writer.Dispose();
        var text = await ReadToEnd(pipe.Reader);
        await process.Exited.InTime();
        return text;
    }

    internal static async Task<string> ReadToEnd(Microsoft.Win32.SafeHandles.SafeFileHandle reader)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (await DescriptorIo.ReadAsync(reader, buffer).AsTask().InTime() is > 0 and var read)
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        return text.ToString();
    }
}
