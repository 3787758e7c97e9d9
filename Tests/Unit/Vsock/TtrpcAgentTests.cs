using FluentAssertions;
using Grpc.Core;
using Kata.Adapters.Vsock.Agent;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Kata.Tests.Scripted;
using Xunit;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Vsock;

/// <summary>What our client puts on the wire, and when.</summary>
public sealed class TtrpcAgentTests : IAsyncLifetime
{
    private static readonly ContainerId Box = ContainerId.Parse("box");
    private static readonly ProcessRef Init = new(Box);

    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-agent-").FullName;
    private ScriptedAgent _guest = null!;
    private IGuestAgent _agent = null!;

    private CancellationToken Ct => _limit.Token;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _agent.DisposeAsync();
        await _guest.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
        _limit.Dispose();
    }

    [Fact]
    public async Task Open_when_called_sends_the_sandbox_as_upstream_does()
    {
        await ConnectAsync();

        await _agent.OpenAsync(
            new GuestSandboxSpec
            {
                Sandbox = SandboxId.Parse("sb"),
                Hostname = "host",
                Dns = ["nameserver 10.0.0.10", ""],
                KernelModules = ["overlay redirect_dir=on  metacopy=on", " "],
                Storages =
                [
                    new GuestMount
                    {
                        Driver = "virtio-fs",
                        Source = "kataShared",
                        FsType = "virtiofs",
                        MountPoint = GuestPaths.Share
                    },
                    new GuestMount
                    {
                        Driver = "ephemeral",
                        Source = "shm",
                        FsType = "tmpfs",
                        MountPoint = GuestPaths.SandboxShm,
                        Options = ["noexec", "size=67108864"]
                    },
                ],
            },
            Ct);

        var request = _guest.Requests<Proto.CreateSandboxRequest>("CreateSandbox").Single();
        request.SandboxId.Should().Be("sb");
        request.Hostname.Should().Be("host");
        request.Dns.Should().Equal("nameserver 10.0.0.10", "");
        request.Storages.Select(s => (s.Driver, s.Source, s.Fstype, s.MountPoint)).Should().Equal(
            ("virtio-fs", "kataShared", "virtiofs", "/run/kata-containers/shared/containers"),
            ("ephemeral", "shm", "tmpfs", "/run/kata-containers/sandbox/shm"));
        request.Storages[1].Options.Should().Equal("noexec", "size=67108864");
        request.KernelModules.Single().Name.Should().Be("overlay");
        request.KernelModules.Single().Parameters.Should().Equal("redirect_dir=on", "metacopy=on");
    }

    [Fact]
    public async Task Wait_when_agent_drops_unread_output_is_sent_only_after_the_end_of_both_streams()
    {
        await ConnectAsync("4.1.0");
        await RunAsync();
        var wait = _agent.WaitAsync(Init, Ct);
        _guest.Process("box").Print("x");
        _guest.Process("box").Exit(0);
        var buffer = new byte[8];

        await _agent.ReadAsync(Init, GuestStream.Stdout, buffer, Ct);
        await _agent.ReadAsync(Init, GuestStream.Stdout, buffer, Ct);
        await _agent.CheckAsync(Ct);
        var before = _guest.Requests<Proto.WaitProcessRequest>("WaitProcess").Count;
        await _agent.ReadAsync(Init, GuestStream.Stderr, buffer, Ct);
        await wait;

        before.Should().Be(0);
        _guest.Requests<Proto.WaitProcessRequest>("WaitProcess").Single().ExecId.Should().Be("box");
    }

    [Fact]
    public async Task Wait_when_agent_keeps_unread_output_is_sent_at_once()
    {
        await ConnectAsync("4.1.0-hex", dropsUnreadOutput: false);
        await RunAsync();

        var wait = _agent.WaitAsync(Init, Ct);
        await _guest.RequestAsync<Proto.WaitProcessRequest>("WaitProcess");
        _guest.Process("box").Exit(5);

        (await wait).Should().Be(5);
    }

    [Fact]
    public async Task Wait_when_a_read_fails_is_not_held_back()
    {
        await ConnectAsync("4.1.0");
        await RunAsync();
        var wait = _agent.WaitAsync(Init, Ct);
        _guest.Fail("ReadStdout", StatusCode.Internal, "\"cannot get stream reader\"");
        _guest.Fail("ReadStderr", StatusCode.PermissionDenied, "policy");
        _guest.Process("box").Exit(1);

        var end = await _agent.ReadAsync(Init, GuestStream.Stdout, new byte[1], Ct);
        await _agent.Invoking(a => a.ReadAsync(Init, GuestStream.Stderr, new byte[1], Ct).AsTask())
            .Should().ThrowAsync<KataException>();

        end.Should().Be(0);
        (await wait).Should().Be(1);
    }

    [Fact]
    public async Task Signal_when_all_is_wanted_names_no_exec()
    {
        await ConnectAsync();
        await RunAsync();

        await _agent.SignalAsync(Init, Signal.Parse(10), all: false, Ct);
        await _agent.SignalAsync(Init, Signal.Kill, all: true, Ct);

        _guest.Requests<Proto.SignalProcessRequest>("SignalProcess").Select(r => (r.ExecId, r.Signal))
            .Should().Equal(("box", 10u), ("", 9u));
    }

    [Fact]
    public async Task Read_when_buffer_is_huge_asks_for_a_bounded_answer()
    {
        await ConnectAsync();
        await RunAsync();
        _guest.Process("box").Print("x");

        await _agent.ReadAsync(Init, GuestStream.Stdout, new byte[8 << 20], Ct);

        _guest.Requests<Proto.ReadStreamRequest>("ReadStdout").Single().Len.Should().BeLessThanOrEqualTo(128 << 10);
    }

    [Fact]
    public async Task Pause_when_guest_does_not_answer_ends_after_a_minute()
    {
        var clock = new ManualClock();
        await ConnectAsync(clock: clock);
        await RunAsync();
        _guest.Hold("PauseContainer");
        var pause = _agent.PauseAsync(Box, Ct);
        await _guest.RequestAsync<Proto.PauseContainerRequest>("PauseContainer");

        clock.Advance(AgentDeadlines.Call);

        var failure = (await pause.Invoking(p => p).Should().ThrowAsync<KataException>()).Which;
        failure.Kind.Should().Be(ErrorKind.DeadlineExceeded);
        failure.Message.Should().Contain("PauseContainer").And.Contain("60 s");
        _guest.Release("PauseContainer");
    }

    [Fact]
    public async Task Stats_when_cgroup_is_v2_joins_bytes_and_operations()
    {
        await ConnectAsync();
        await RunAsync();
        _guest.Stats = new Proto.StatsContainerResponse
        {
            CgroupStats = new Proto.CgroupStats
            {
                CpuStats = new Proto.CpuStats
                {
                    CpuUsage = new Proto.CpuUsage { TotalUsage = 30, UsageInUsermode = 20, UsageInKernelmode = 10 }
                },
                MemoryStats = new Proto.MemoryStats
                {
                    Usage = new Proto.MemoryData { Usage = 5, Limit = 9 },
                    Stats = { { "anon", 4 } }
                },
                BlkioStats = new Proto.BlkioStats
                {
                    IoServiceBytesRecursive =
                    {
                        new Proto.BlkioStatsEntry { Major = 8, Op = "read", Value = 100 },
                        new Proto.BlkioStatsEntry { Major = 8, Op = "rios", Value = 2 },
                        new Proto.BlkioStatsEntry { Major = 8, Op = "write", Value = 50 },
                    },
                },
            },
        };

        var stats = await _agent.StatsAsync(Box, Ct);

        stats.Cpu.Should().Be(new CpuStats(Total: 30, User: 20, System: 10));
        stats.Memory.Usage.Should().Be(5);
        stats.Memory.Details.Should().ContainKey("anon");
        stats.BlockIo.Should().Equal(new BlockIoStats(8, 0, "read", 100, 2), new BlockIoStats(8, 0, "write", 50, 0));
    }

    [Fact]
    public async Task Stats_when_guest_floods_them_are_bounded()
    {
        await ConnectAsync();
        await RunAsync();
        var memory = new Proto.MemoryStats();
        for (var i = 0u; i < 10_000; i++)
            memory.Stats.Add($"key{i}", i);
        var blkio = new Proto.BlkioStats();
        for (var i = 0u; i < 10_000; i++)
            blkio.IoServiceBytesRecursive.Add(new Proto.BlkioStatsEntry { Major = i, Op = "read" });
        _guest.Stats = new Proto.StatsContainerResponse
        {
            CgroupStats = new Proto.CgroupStats { MemoryStats = memory, BlkioStats = blkio }
        };

        var stats = await _agent.StatsAsync(Box, Ct);

        stats.Memory.Details.Count.Should().BeLessThanOrEqualTo(256);
        stats.BlockIo.Count.Should().BeLessThanOrEqualTo(256);
    }

    [Fact]
    public async Task OutOfMemory_when_guest_names_nonsense_skips_it()
    {
        await ConnectAsync();
        _guest.OutOfMemory.Writer.TryWrite("../../etc");
        _guest.OutOfMemory.Writer.TryWrite("box");

        await using var watch = _agent.OutOfMemoryAsync(Ct).GetAsyncEnumerator(Ct);
        await watch.MoveNextAsync();

        watch.Current.Should().Be(Box);
    }

    [Fact]
    public async Task OutOfMemory_when_guest_tells_without_end_is_asked_at_a_pace()
    {
        var clock = new ManualClock();
        await ConnectAsync(clock: clock);
        for (var i = 0; i < 10; i++)
            _guest.OutOfMemory.Writer.TryWrite("box");

        await using var watch = _agent.OutOfMemoryAsync(Ct).GetAsyncEnumerator(Ct);
        await watch.MoveNextAsync();
        var second = watch.MoveNextAsync().AsTask();
        await _agent.CheckAsync(Ct);
        await _agent.CheckAsync(Ct);

        second.IsCompleted.Should().BeFalse();
        _guest.Requests<Proto.GetOOMEventRequest>("GetOOMEvent").Should().ContainSingle();
        await clock.TimerAsync(AgentDeadlines.WatchPause);
        clock.Advance(AgentDeadlines.WatchPause);
        (await second).Should().BeTrue();
    }

    [Fact]
    public async Task Stats_when_they_are_larger_than_any_honest_answer_are_refused_and_the_connection_stays()
    {
        await ConnectAsync();
        await RunAsync();
        _guest.Stats = new Proto.StatsContainerResponse();
        for (var i = 0; i < 1_000_000; i++)
            _guest.Stats.NetworkStats.Add(new Proto.NetworkStats());

        (await _agent.Invoking(a => a.StatsAsync(Box, Ct)).Should().ThrowAsync<KataException>())
            .Which.Kind.Should().Be(ErrorKind.ResourceExhausted);

        await _agent.CheckAsync(Ct);
    }

    private async Task ConnectAsync(string version = "4.1.0", bool dropsUnreadOutput = true, TimeProvider? clock = null)
    {
        _guest = ScriptedAgent.Listen(
            Path.Combine(_directory, "a.sock"), ScriptedChannel.Hybrid, version, dropsUnreadOutput);
        _agent = await new TtrpcAgentConnector(clock ?? TimeProvider.System).ConnectAsync(_guest.Endpoint, Ct);
    }

    private async Task RunAsync()
    {
        await _agent.OpenAsync(new GuestSandboxSpec { Sandbox = SandboxId.Parse("box") }, Ct);
        await _agent.CreateAsync(
            new GuestContainerSpec { Id = Box, Oci = new OciSpec { Process = new OciProcess { Args = ["true"] } } },
            Ct);
        await _agent.StartAsync(Box, Ct);
    }
}
