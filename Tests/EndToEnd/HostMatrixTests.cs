using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>A test host with a disk and a containerd, one for all tests of a class.</summary>
public sealed class HostLife : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-testhost-").FullName;
    private string? _share;

    internal TestHostMachine Machine { get; private set; } = null!;

    internal HostContainerd Containerd { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _share = await HostContainerd.PrepareAsync();
        var disk = Path.Combine(_directory, "disk");
        await TestHostMachine.CreateDiskAsync(disk, 1024);
        Machine = await TestHostMachine.StartAsync(new TestHostOptions { Directory = TestSettings.LogDirectory, Disk = disk });
        Containerd = await HostContainerd.StartAsync(Machine, _share);
    }

    public async Task DisposeAsync()
    {
        await Containerd.KeepLogAsync("testhost-containerd");
        await Machine.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
        Directory.Delete(_share!, recursive: true);
    }
}

/// <summary>The main job on a host with KVM, vhost-vsock and cgroup v2 alone.</summary>
[Trait("category", "matrix")]
public sealed class HostMatrixTests(HostLife life) : IClassFixture<HostLife>, IAsyncLifetime
{
    private HostContainerd Host => life.Containerd;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => (await Host.DifferenceAsync()).Should().BeEmpty();

    [Fact]
    public async Task Run_prints_and_gives_the_exit_code()
    {
        var result = await Host.RunAsync(HostContainerd.Run(Host.NewId("run"), "sh -c 'echo hello; exit 7'"));

        result.Stdout.Should().Contain("hello\n");
        result.ExitCode.Should().Be(7, result.Stdout);
    }

    [MachineFact]
    public async Task Run_uses_the_hosts_own_kvm_vsock_and_cgroups()
    {
        var id = Host.NewId("ways");
        (await Host.RunAsync(HostContainerd.Run(id, "sleep 1000", "--detach --null-io"))).Exited(0);

        var qemu = (await Host.RunAsync("for p in $(pgrep qemu-system); do tr '\\0' ' ' < /proc/$p/cmdline; cat /proc/$p/cgroup; done")).Exited(0).Stdout;
        var state = (await Host.RunAsync($"cat /run/vc/sbs/{id}/*.json* 2> /dev/null")).Stdout;
        var metrics = await Host.RunAsync($"ctr task metrics --format json {id}");
        await RemoveAsync(id);

        qemu.Should().Contain("accel=kvm").And.Contain("vhost-vsock-pci").And.Contain("0::/").And.Contain(id);
        state.Should().Contain("vsock");
        metrics.Exited(0).Stdout.Should().Contain("usage_usec");
    }

    [Fact]
    public async Task Exec_answers_with_output_and_exit_code()
    {
        var id = Host.NewId("exec");
        (await Host.RunAsync(HostContainerd.Run(id, "sleep 1000", "--detach --null-io"))).Exited(0);

        var result = await Host.RunAsync($"ctr task exec --exec-id x {id} sh -c 'cat; exit 5' < /etc/hostname");

        await RemoveAsync(id);
        result.Stdout.Should().StartWith((await Host.RunAsync("cat /etc/hostname")).Stdout);
        result.ExitCode.Should().Be(5, result.Stdout);
    }

    [MachineTheory]
    [InlineData("shim", "containerd-shim-kata")]
    [InlineData("VMM", "qemu-system-")]
    [InlineData("file daemon", "virtiofsd")]
    public async Task Kill_of_a_process_ends_the_container_and_leaves_nothing(string victim, string pattern)
    {
        var id = Host.NewId("kill");
        var running = Host.RunAsync(HostContainerd.Run(id, "sh -c 'echo container runs; sleep 1000'") + " > /run/out 2>&1");
        (await Host.RunAsync("for i in $(seq 600); do grep -q 'container runs' /run/out && exit 0; sleep 0.1; done; cat /run/out /run/vc/sbs/*/timeline.jsonl; tail -50 /run/containerd.log; exit 1")).Exited(0);

        (await Host.RunAsync($"pid=$(pgrep -o -f '^[^ ]*{pattern}') && kill -KILL $pid")).Exited(0);

        var result = await running.WaitAsync(TimeSpan.FromSeconds(60));
        result.ExitCode.Should().NotBe(0, victim);
        await Host.RunAsync($"ctr task delete -f {id}; ctr containers delete {id}");
    }

    private async Task RemoveAsync(string id) =>
        (await Host.RunAsync(
            $"ctr task kill -s SIGKILL {id}; for i in $(seq 100); do ctr task delete {id} 2>&1 | grep 'not found' && break; sleep 0.1; done; ctr containers delete {id}"))
        .Exited(0);
}
