using FluentAssertions;
using Kata.Platform.Linux;
using Xunit;

namespace Kata.Tests.Unit.Linux;

/// <summary>The verb end to end, through the agent's program as it is built.</summary>
[Collection("kernel")]
public sealed class SpawnVerbTests : IDisposable
{
    private readonly Pipe _input = Pipe.Create();

    public SpawnVerbTests() => ProcessSpawner.LauncherPath = LauncherFactAttribute.Launcher;

    public void Dispose() => _input.Dispose();

    [LauncherFact]
    public async Task Placed_program_has_the_namespace_ids_limits_and_name_asked_for()
    {
        using var scratch = new Scratch();
        await Namespaces.CreateNetworkNamespaceAsync(scratch["net"]);
        var wanted = FileStatus.Of(scratch["net"]).Inode;

        var output = await ProcessSpawnerTests.OutputOf(new SpawnRequest
        {
            Path = "/bin/sh",
            Arguments = ["other-name", "-c",
                "echo $0; cat /proc/self/oom_score_adj; id -u; id -g; id -G; ulimit -Sn; ulimit -Hn; pwd; readlink /proc/self/ns/net; ls /proc/self/fd | tr '\\n' ' '; grep ^SigIgn /proc/self/status"],
            Environment = LauncherFactAttribute.Runtime,
            WorkingDirectory = "/usr",
            Placement = new SpawnPlacement
            {
                NetworkNamespace = scratch["net"],
                UserId = 1234,
                GroupId = 2345,
                SupplementaryGroups = [3456, 4567],
                OomScoreAdjustment = 10,
                Limits = [new ResourceLimit(Rlimit.NOFILE, 100, 200)],
            },
        });

        output.Should().Be(
            $"other-name\n10\n1234\n2345\n2345 3456 4567\n100\n200\n/usr\nnet:[{wanted}]\n0 1 2 3 SigIgn:\t0000000000000000\n");
    }

    [LauncherFact]
    public async Task Placed_program_joins_the_cgroups()
    {
        var hierarchy = Cgroups.Hierarchies();
        var parent = hierarchy.TryGetValue("freezer", out var freezer) ? freezer : hierarchy[""];
        var cgroup = Path.Combine(parent, $"kata-test-{Environment.ProcessId}");
        Directory.CreateDirectory(cgroup);
        try
        {
            await using (var process = await ProcessSpawner.SpawnAsync(new SpawnRequest
            {
                Path = "/bin/sleep",
                Arguments = ["sleep", "1000"],
                Environment = LauncherFactAttribute.Runtime,
                Placement = new SpawnPlacement { Cgroups = [cgroup] },
            }))
            {
                File.ReadAllText(cgroup + "/cgroup.procs").Trim().Should().Be($"{process.ProcessId}");
                ProcFs.Comm(process.ProcessId).Should().Be("sleep");
            }
        }
        finally
        {
            Directory.Delete(cgroup);
        }
    }

    [LauncherFact]
    public async Task Placed_program_passes_descriptors_on()
    {
        using var extra = Pipe.Create(nonBlockingReader: true);

        await using var process = await ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = "/bin/sh",
            Arguments = ["sh", "-c", "echo here >&7"],
            Environment = LauncherFactAttribute.Runtime,
            Descriptors = [new InheritedDescriptor(extra.Writer, 7)],
            Placement = new SpawnPlacement(),
        });
        extra.Writer.Dispose();

        (await ProcessSpawnerTests.ReadToEnd(extra.Reader)).Should().Be("here\n");
    }

    [LauncherFact]
    public async Task Placed_program_dies_with_the_process_that_spawned_it()
    {
        // The launcher, run by hand as a child of a shell, stands for a program spawned by a shim that then ends.
        using var pipe = Pipe.Create(nonBlockingReader: true);
        await using var shell = await ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = "/bin/sh",
            Arguments = ["sh", "-c",
                $"{LauncherFactAttribute.Launcher} spawn --pdeathsig 9 --parent $$ -- /bin/sh -c 'echo $$; exec sleep 1000' & wait"],
            Environment = LauncherFactAttribute.Runtime,
            StandardOutput = pipe.Writer,
        });
        pipe.Writer.Dispose();
        var buffer = new byte[32];
        var read = await DescriptorIo.ReadAsync(pipe.Reader, buffer).AsTask().InTime();
        var id = int.Parse(
            System.Text.Encoding.UTF8.GetString(buffer, 0, read), System.Globalization.CultureInfo.InvariantCulture);
        using var orphan = PidFd.Open(id);

        shell.Signal(Signals.SIGKILL);

        await orphan.WaitAsync().InTime();
    }

    [LauncherFact]
    public async Task Placed_program_outlives_the_thread_that_asked_for_it()
    {
        SpawnedProcess process = null!;
        var asking = new Thread(() => process = ProcessSpawner.Spawn(new SpawnRequest
        {
            Path = "/bin/sh",
            Arguments = ["sh", "-c", "read line; exit 5"],
            Environment = LauncherFactAttribute.Runtime,
            StandardInput = _input.Reader,
            Placement = new SpawnPlacement { ParentDeathSignal = Signals.SIGKILL },
        }));
        asking.Start();
        asking.Join();

        DescriptorIo.Write(_input.Writer, "go\n"u8);

        (await process.Exited.InTime()).Should().Be(new ProcessExit(5, 0));
    }

    [LauncherFact]
    public async Task Placed_start_when_the_namespace_is_missing_throws_that_step()
    {
        var spawning = () => ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = "/bin/true",
            Arguments = ["true"],
            Environment = LauncherFactAttribute.Runtime,
            Placement = new SpawnPlacement { NetworkNamespace = "/no/such/netns" },
        });

        var failure = (await spawning.Should().ThrowAsync<LinuxException>()).Which;
        (failure.Errno, failure.Subject).Should().Be((Errno.ENOENT, "/no/such/netns"));
    }

    [LauncherFact]
    public async Task Placed_start_when_the_program_is_missing_throws_execv()
    {
        var spawning = () => ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = "/no/such/program",
            Arguments = ["x"],
            Environment = LauncherFactAttribute.Runtime,
            Placement = new SpawnPlacement(),
        });

        (await spawning.Should().ThrowAsync<LinuxException>()).Which.Call.Should().Be("execv");
    }

    [LauncherFact]
    public async Task Verb_when_its_parent_is_gone_does_not_run_the_program()
    {
        using var errors = Pipe.Create(nonBlockingReader: true);
        await using var process = await ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = LauncherFactAttribute.Launcher,
            Arguments = ["kata-agent", "spawn", "--pdeathsig", "9", "--parent", "999999", "--", "/bin/true"],
            Environment = LauncherFactAttribute.Runtime,
            StandardError = errors.Writer,
        });
        errors.Writer.Dispose();

        (await process.Exited.InTime()).Code.Should().Be(126);
        (await ProcessSpawnerTests.ReadToEnd(errors.Reader)).Should().StartWith("spawn: getppid pid 999999")
            .And.EndWith("\n");
    }

    [LauncherFact]
    public async Task Verb_when_the_program_is_missing_ends_with_127()
    {
        await using var process = await ProcessSpawner.SpawnAsync(new SpawnRequest
        {
            Path = LauncherFactAttribute.Launcher,
            Arguments = ["kata-agent", "spawn", "--", "/no/such"],
            Environment = LauncherFactAttribute.Runtime,
        });

        (await process.Exited.InTime()).Code.Should().Be(127);
    }

    [Theory]
    [InlineData("--unknown", "x", "--", "/bin/true")]
    [InlineData("--uid", "minus", "--", "/bin/true")]
    [InlineData("--rlimit", "7:1", "--", "/bin/true")]
    [InlineData("--uid")]
    [InlineData("--")]
    [InlineData]
    public void Orders_when_malformed_are_refused(params string[] args)
    {
        var parsing = () => SpawnOrder.Parse(args);

        parsing.Should().Throw<FormatException>();
    }
}
