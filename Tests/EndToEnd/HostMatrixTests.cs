using System.Runtime.CompilerServices;
using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>All classes that share one test host; they run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class HostTests : ICollectionFixture<HostLife>
{
    public const string Name = "test host";
}

/// <summary>A test host with a disk and a containerd, one for all tests of a collection.</summary>
public sealed class HostLife : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kata-testhost-").FullName;
    private const int Attempts = 3;

    private string? _share;

    internal TestHostMachine Machine { get; private set; } = null!;

    internal HostContainerd Containerd { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _share = await HostContainerd.PrepareAsync();
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        // None of these is there if the first start failed, which the tests then tell.
        if (Containerd is not null && await Machine.AnswersAsync())
            await Containerd.KeepLogAsync("testhost-containerd");
        if (Machine is not null)
            await Machine.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
        Directory.Delete(_share!, recursive: true);
    }

    /// <summary>
    /// Runs a test, which must leave the host as it was. If the emulation fails it meanwhile, which says nothing about
    /// what is tested, a fresh host takes its place and the test begins anew.
    /// </summary>
    internal async Task RunAsync(Func<HostContainerd, Task> test, [CallerMemberName] string name = "")
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await test(Containerd);
                (await Containerd.DifferenceAsync()).Should().BeEmpty();
                return;
            }
            catch (Exception e)
            {
                var isExcused = attempt < Attempts && await Machine.IsExcusedAsync(e, name);
                // A host that is of no use any more must not fail those that come after.
                if (isExcused || !await Machine.AnswersAsync())
                {
                    await Machine.DisposeAsync();
                    await StartAsync();
                }

                if (!isExcused)
                    throw;
            }
        }
    }

    private async Task StartAsync()
    {
        var disk = Path.Combine(_directory, "disk");
        await TestHostMachine.CreateDiskAsync(disk, 1024);
        Machine = await TestHostMachine.StartAsync(
            new TestHostOptions { Directory = TestSettings.LogDirectory, Disk = disk });
        Containerd = await HostContainerd.StartAsync(Machine, _share!);
    }
}

/// <summary>The main job on a host with KVM, vhost-vsock and cgroup v2 alone.</summary>
[Trait("category", "matrix")]
[Collection(HostTests.Name)]
public sealed class HostMatrixTests(HostLife life)
{
    [Fact]
    public Task Run_prints_and_gives_the_exit_code() => life.RunAsync(async host =>
    {
        var result = await host.RunAsync(HostContainerd.Run(host.NewId("run"), "sh -c 'echo hello; exit 7'"));

        result.Stdout.Should().Contain("hello\n");
        result.ExitCode.Should().Be(7, result.Stdout);
    });

    [MachineFact]
    public Task Run_uses_the_hosts_own_kvm_vsock_and_cgroups_and_exec_answers() => life.RunAsync(async host =>
    {
        var id = host.NewId("ways");
        (await host.RunAsync(HostContainerd.Run(id, "sleep 1000", "--detach --null-io"))).Exited(0);

        var qemu = (
            await host.RunAsync(
                "for p in $(pgrep qemu-system); do tr '\\0' ' ' < /proc/$p/cmdline; cat /proc/$p/cgroup; done")).Exited(0).Stdout;
        var state = (await host.RunAsync($"cat /run/vc/sbs/{id}/*.json* 2> /dev/null")).Stdout;
        var metrics = await host.RunAsync($"ctr task metrics --format json {id}");
        var said = await host.RunAsync($"ctr task exec --exec-id x {id} sh -c 'cat; exit 5' < /etc/hostname");
        await RemoveAsync(host, id);

        qemu.Should().Contain("accel=kvm").And.Contain("vhost-vsock-pci").And.Contain("0::/").And.Contain(id);
        state.Should().Contain("vsock");
        metrics.Exited(0).Stdout.Should().Contain("usage_usec");
        said.Exited(5).Stdout.Should().StartWith((await host.RunAsync("cat /etc/hostname")).Stdout);
    });

    [MachineFact]
    public Task Kill_of_a_process_ends_its_container_alone_and_leaves_nothing() => life.RunAsync(async host =>
    {
        // At once: what one loses is nothing to the others.
        (string Name, string Pattern)[] victims = [("shim", "containerd-shim-kata"), ("vmm", "qemu-system-"),
            ("files", "virtiofsd")];
        var ids = victims.Select(victim => host.NewId($"kill-{victim.Name}")).ToList();
        var running = ids.Select(
            id =>
                host.RunAsync(
                    HostContainerd.Run(id, "sh -c 'echo container runs; sleep 1000'")
                        + $" > /run/out-{id} 2>&1")).ToList();
        foreach (var id in ids)
        {
            (await host.RunAsync(
                $"for i in $(seq 900); do grep -q 'container runs' /run/out-{id} && exit 0; grep -q '^ctr: ' /run/out-{id} && break; sleep 0.1; done; cat /run/out-{id} /run/vc/sbs/{id}/timeline.jsonl; tail -50 /run/containerd.log; exit 1"))
                .Exited(0);
        }

        for (var i = 0; i < victims.Length; i++)
        {
            running[i].IsCompleted.Should().BeFalse(victims[i].Name);
            (await host.RunAsync($"pid=$(pgrep -o -f '^[^ ]*{victims[i].Pattern}.*{ids[i]}') && kill -KILL $pid"))
                .Exited(0);
            (await running[i].WaitAsync(TimeSpan.FromSeconds(60))).ExitCode.Should().NotBe(0, victims[i].Name);
            await host.RunAsync($"ctr task delete -f {ids[i]}; ctr containers delete {ids[i]}");
        }
    });

    internal static async Task RemoveAsync(HostContainerd host, string id) =>
        (await host.RunAsync(
            $"ctr task kill -s SIGKILL {id}; for i in $(seq 100); do ctr task delete {id} 2>&1 | grep 'not found' && break; sleep 0.1; done; ctr containers delete {id}"))
        .Exited(0);
}
