using FluentAssertions;
using Kata.Tests.EndToEnd.Containerd;
using Kata.Tests.TestHost;
using Xunit;

namespace Kata.Tests.EndToEnd;

/// <summary>The test host is what the matrix rests on, so it is shown to be a host.</summary>
[Trait("category", "matrix")]
public sealed class TestHostTests : IDisposable
{
    // What timeout(1) exits with.
    private const int TimedOut = 124;

    private readonly string _directory = Directory.CreateTempSubdirectory("kata-testhost-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task TestHost_when_up_has_what_users_hosts_have()
    {
        await using var host = await TestHostMachine.StartAsync(
            new TestHostOptions { Directory = TestSettings.LogDirectory });

        (await host.RunAsync("for d in kvm vhost-vsock vhost-net net/tun; do [ -c /dev/$d ] || echo no $d; done"))
            .Exited(0).Stdout.Should().BeEmpty();
        (await host.RunAsync("stat -f -c %T /sys/fs/cgroup; cat /sys/fs/cgroup/cgroup.subtree_control")).Exited(0)
            .Stdout
            .Should().StartWith("cgroup2fs\n").And.Contain("memory").And.Contain("cpu").And.Contain("pids");
        (await host.RunAsync($"touch /usr/x && [ -f {Repository.Root}/Kata.Hex.sln ] && modprobe veth && exit 9"))
            .ExitCode.Should().Be(9);
        File.Exists("/usr/x").Should().BeFalse();
    }

    [Fact]
    public async Task TestHost_when_asked_for_kvm_runs_a_machine_with_it()
    {
        await using var host = await TestHostMachine.StartAsync(
            new TestHostOptions { Directory = TestSettings.LogDirectory });

        // A kernel without a root: that it gets so far as to miss one is what is to be seen.
        var line = "timeout 60 qemu-system-x86_64 -M q35,accel=kvm -cpu host -m 256 -nodefaults -no-user-config -nographic -no-reboot -serial stdio "
            + $"-kernel {Repository.Artifacts}/testhost/vmlinuz -append 'console=ttyS0 quiet panic=-1 reboot=t root=/dev/none'";
        var machine = await host.RunAsync(line);
        for (var again = 0;
            again < 2
                && EmulationRule.JudgeBareKernel(machine.ExitCode == TimedOut, machine.Stdout) is { } fault; again++)
        {
            if (!EmulationExcuses.OfThisRun.Take(fault, "a kernel without a root"))
                break;
            machine = await host.RunAsync(line);
        }

        machine.Exited(0).Stdout.Should().Contain("Unable to mount root fs");
    }

    [Fact]
    public async Task TestHost_when_its_power_is_cut_keeps_the_disk_and_nothing_else()
    {
        var disk = Path.Combine(_directory, "disk");
        await TestHostMachine.CreateDiskAsync(disk, 256);
        await using (
            var host = await TestHostMachine.StartAsync(
                new TestHostOptions { Directory = TestSettings.LogDirectory, Disk = disk }))
        {
            (await host.RunAsync("echo kept > /var/lib/kept; echo lost > /run/lost; sync; echo late > /var/lib/late"))
                .Exited(0);
            var never = host.RunAsync("sleep 1000");

            await host.PowerCutAsync();

            await FluentActions.Awaiting(() => never).Should().ThrowAsync<InvalidOperationException>();
        }

        await using var next = await TestHostMachine.StartAsync(
            new TestHostOptions { Directory = TestSettings.LogDirectory, Disk = disk });
        (await next.RunAsync("cat /var/lib/kept; [ ! -e /run/lost ]")).Exited(0).Stdout.Should().Be("kept\n");
    }
}
