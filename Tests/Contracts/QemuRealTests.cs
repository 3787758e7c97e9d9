using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kata.Tests.Contracts;

/// <summary>The QEMU adapter with QEMU and the guest that the build makes, emulated.</summary>
[Trait("category", "real")]
public sealed class QemuRealTests : HypervisorProcessContract
{
    public QemuRealTests() => QemuStandIn.UseLauncher();

    protected override IHypervisor Hypervisor { get; } = QemuGuest.Hypervisor();

    protected override VmSpec Machine(VmmBehaviour behaviour) =>
        QemuGuest.Spec(behaviour, new VmResources(1, 2, 256, 1024, 2));

    [Fact]
    public async Task Console_when_kernel_speaks_is_heard()
    {
        var spec = Machine(VmmBehaviour.Works);
        await using var machine = await Hypervisor.LaunchAsync(
            spec with { Machine = spec.Machine with { Debug = true } }, Placement, Ledger, Ct);

        await QemuGuest.BootedAsync(machine, Ct);
    }

    [Fact]
    public async Task Hotplug_when_guest_runs_adds_and_removes_a_disk_and_grows_the_machine()
    {
        var spec = Machine(VmmBehaviour.Works);
        var file = Path.Combine(Directory.CreateDirectory(StateDirectory + "-disks").FullName, "disk");
        await File.WriteAllBytesAsync(file, new byte[1 << 20], Ct);
        await using var machine = await Hypervisor.LaunchAsync(
            spec with { Machine = spec.Machine with { Debug = true } }, Placement, Ledger, Ct);
        await QemuGuest.BootedAsync(machine, Ct);

        var first = await machine.Hotplug!.AttachAsync(
            new BlockDevice("one", HostPath.Parse(file, "disk"), ReadOnly: true), Ct);
        first.GuestAddress.Should().Be("02/01");
        await machine.Hotplug.DetachAsync(first, Ct);
        await machine.Hotplug.DetachAsync(first, Ct);
        var second = await machine.Hotplug.AttachAsync(
            new BlockDevice("one", HostPath.Parse(file, "disk"), ReadOnly: false), Ct);
        second.GuestAddress.Should().Be("02/01");
        var reached = await machine.Resize!.ResizeAsync(new VmResources(2, 2, 512, 1024, 2), Ct);

        reached.Vcpus.Should().Be(2);
        reached.MemoryMib.Should().Be(512);
    }

    [Fact]
    public async Task Machine_that_has_had_more_vcpus_than_it_needs_can_have_them_again()
    {
        var spec = Machine(VmmBehaviour.Works);
        await using var machine = await Hypervisor.LaunchAsync(
            spec with { Machine = spec.Machine with { Debug = true } }, Placement, Ledger, Ct);
        await QemuGuest.BootedAsync(machine, Ct);

        foreach (var vcpus in new[] { 2, 1, 2 })
            (await machine.Resize!.ResizeAsync(spec.Resources with { Vcpus = vcpus }, Ct))
                .Vcpus.Should().BeGreaterThanOrEqualTo(vcpus);

        machine.Exited.IsCompleted.Should().BeFalse();
    }

    [Theory]
    [InlineData(ImageDriver.Nvdimm)]
    [InlineData(ImageDriver.VirtioBlk)]
    public async Task Launch_when_started_from_the_image_cannot_write_to_it(ImageDriver driver)
    {
        var spec = Machine(VmmBehaviour.Works);
        var image = QemuGuest.File("rootfs.img");
        var before = File.GetLastWriteTimeUtc(image.Value);
        var boot = spec.Boot with
        {
            Initrd = QemuGuest.File("rootfs-boot.img"),
            Image = image,
            ImageBytes = new FileInfo(image.Value).Length,
            ImageDriver = driver
        };

        await using var machine = await Hypervisor.LaunchAsync(spec with { Boot = boot }, Placement, Ledger, Ct);

        File.ReadLines($"/proc/{machine.ProcessId}/maps")
            .Where(line => line.Contains("rootfs.img", StringComparison.Ordinal))
            .Should().NotContain(line => line.Contains(" rw", StringComparison.Ordinal));
        OpenModes(machine.ProcessId, "rootfs.img").Should().NotContain(mode => mode != 0);
        File.GetLastWriteTimeUtc(image.Value).Should().Be(before);
    }

    /// <summary>The access modes with which a process has a file open.</summary>
    private static List<int> OpenModes(int processId, string name)
    {
        var modes = new List<int>();
        foreach (var descriptor in Directory.EnumerateFileSystemEntries($"/proc/{processId}/fd"))
        {
            if (File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.Name != name)
                continue;
            var flags = File.ReadLines($"/proc/{processId}/fdinfo/{Path.GetFileName(descriptor)}")
                .First(l => l.StartsWith("flags:", StringComparison.Ordinal));
            modes.Add(Convert.ToInt32(flags[6..].Trim(), 8) & 3);
        }
        return modes;
    }
}
