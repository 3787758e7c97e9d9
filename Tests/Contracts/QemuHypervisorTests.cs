using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>The QEMU adapter against a program that only speaks QMP.</summary>
public sealed class QemuHypervisorTests : HypervisorProcessContract
{
    public QemuHypervisorTests() => QemuStandIn.UseLauncher();

    protected override IHypervisor Hypervisor { get; } = new QemuHypervisor(
        new HostCapabilities("/nowhere/kvm", "/nowhere/vhost-net", "/nowhere/vhost-vsock"), TimeProvider.System,
        NullLogger<QemuHypervisor>.Instance);

    protected override VmSpec Machine(VmmBehaviour behaviour) => new()
    {
        Sandbox = SandboxId.Parse("pod1"),
        Name = "sandbox-pod1",
        Machine = new MachineOptions
        {
            Program = HostPath.Parse(QemuStandIn.Qemu(behaviour), "path"),
            Channel = GuestChannel.Serial,
            ControlTimeout = behaviour == VmmBehaviour.NeverAnswers ? TimeSpan.FromSeconds(1) : Limit,
        },
        Boot = new BootAssets { Kernel = HostPath.Parse("/boot/vmlinux", "kernel") },
        Resources = new VmResources(1, 1, 256, 256, 0),
    };

    [Fact]
    public async Task Launch_when_vmm_exits_before_qmp_hints_at_what_it_said()
    {
        var thrown = (await Launching(VmmBehaviour.ExitsAtOnce).Should().ThrowAsync<KataException>()).Which;

        thrown.Report!.Vmm.Should().Be(new VmmEnd(1, null));
        thrown.Report.VmmErrors.Should().Equal("qemu: could not load kernel '/boot/vmlinux'");
        thrown.Report.Hint.Should().Contain("kernel");
        thrown.Report.Describe(thrown.Message).Should().Contain("the VMM ended with exit status 1");
    }

    [Fact]
    public async Task Launch_when_running_keeps_the_console()
    {
        await using var machine = await LaunchAsync();
        await machine.StopAsync(TimeSpan.Zero, Ct);

        machine.ConsoleTail.Should().Equal("Booting");
        machine.ErrorTail.Should().BeEmpty();
    }

    [Fact]
    public async Task Launch_when_serial_answers_the_socket_of_the_port()
    {
        await using var machine = await LaunchAsync();

        machine.Guest.Should().Be(
            new SerialEndpoint(HostPath.Parse(Path.Combine(StateDirectory, "agent.sock"), "socket")));
        machine.Choices.Should().Contain("TCG, because /nowhere/kvm is missing").And.Contain("virtio-serial");
        File.Exists(Path.Combine(StateDirectory, "agent.sock")).Should().BeTrue();
    }

    [Fact]
    public async Task Launch_when_vsock_is_demanded_and_missing_says_so()
    {
        var machine = Machine(VmmBehaviour.Works);
        var vsock = machine with { Machine = machine.Machine with { Channel = GuestChannel.Vsock } };

        var thrown = (
            await Hypervisor.Invoking(h => h.LaunchAsync(vsock, Placement, Ledger, Ct))
                .Should().ThrowAsync<KataException>()).Which;

        thrown.Kind.Should().Be(ErrorKind.InvalidArgument);
        thrown.Message.Should().Contain("guest_channel").And.Contain("/nowhere/vhost-vsock is missing");
        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_daemon_of_vsock_ends_at_once_falls_back_only_if_free_to()
    {
        var machine = Machine(VmmBehaviour.Works);
        var daemon = HostPath.Parse(QemuStandIn.Qemu(VmmBehaviour.ExitsAtOnce), "daemon");
        var free = machine with
        {
            Machine = machine.Machine with { Channel = GuestChannel.Auto, VsockDaemon = daemon }
        };
        var bound = machine with
        {
            Machine = machine.Machine with { Channel = GuestChannel.VhostUserVsock, VsockDaemon = daemon }
        };

        await using (var launched = await Hypervisor.LaunchAsync(free, Placement, Ledger, Ct))
            launched.Choices.Should().Contain("virtio-serial, because").And.Contain("could not load kernel");
        await Hypervisor.Invoking(h => h.LaunchAsync(bound, Placement, Ledger, Ct))
            .Should().ThrowAsync<KataException>();

        NothingIsLeft();
    }

    [Fact]
    public async Task Launch_when_state_directory_is_deep_names_the_limit()
    {
        var deep = new VmPlacement
        {
            StateDirectory = HostPath.Parse($"{StateDirectory}/{new string('x', 100)}", "state")
        };

        var thrown = (
            await Hypervisor.Invoking(h => h.LaunchAsync(Machine(VmmBehaviour.Works), deep, Ledger, Ct))
                .Should().ThrowAsync<KataException>()).Which;

        thrown.Message.Should().Contain("longer than");
        Ledger.Read().Held.Should().BeEmpty();
    }
}
