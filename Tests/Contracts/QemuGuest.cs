using System.Runtime.CompilerServices;
using FluentAssertions;
using Kata.Adapters.Qemu;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kata.Tests.Contracts;

/// <summary>QEMU with the guest that the build makes, emulated.</summary>
internal sealed class QemuGuest
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("guest").FullName;
    private IVirtualMachine? _machine;

    public static IHypervisor Hypervisor() => new QemuHypervisor(
        new HostCapabilities(), TimeProvider.System, NullLogger<QemuHypervisor>.Instance);

    /// <summary>A machine that starts it, or whose VMM misbehaves.</summary>
    public static VmSpec Spec(VmmBehaviour behaviour, VmResources resources) => new()
    {
        Sandbox = SandboxId.Parse("pod1"),
        Name = "sandbox-pod1",
        Machine = new MachineOptions
        {
            Program = HostPath.Parse(
                behaviour == VmmBehaviour.NeverAnswers ? QemuStandIn.Qemu(behaviour) : "/usr/bin/qemu-system-x86_64",
                "path"),
            Accelerator = Accelerator.Tcg,
            Channel = GuestChannel.Serial,
            SeccompSandbox = "on,obsolete=deny,spawn=deny,resourcecontrol=deny",
            ControlTimeout = behaviour == VmmBehaviour.NeverAnswers ? TimeSpan.FromSeconds(1) : Limit,
        },
        Boot = new BootAssets
        {
            Kernel = behaviour == VmmBehaviour.ExitsAtOnce
                ? HostPath.Parse("/nowhere/vmlinux", "kernel")
                : File("vmlinux"),
            Initrd = File("initrd.img"),
        },
        Resources = resources,
        Devices = [new RngDevice(HostPath.Parse("/dev/urandom", "rng"))],
    };

    /// <summary>Launches one and waits until it is up.</summary>
    public async Task<IVirtualMachine> LaunchAsync(VmResources resources, CancellationToken ct)
    {
        QemuStandIn.UseLauncher();
        var spec = Spec(VmmBehaviour.Works, resources);
        _machine = await Hypervisor().LaunchAsync(
            spec with { Machine = spec.Machine with { Debug = true } },
            new VmPlacement { StateDirectory = HostPath.Parse($"{_folder}/state", "state") }, new HypervisorLedger(), ct);
        await BootedAsync(_machine, ct);
        return _machine;
    }

    /// <summary>Ends it.</summary>
    public async Task StopAsync()
    {
        if (_machine is not null)
            await _machine.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Waits until its kernel looks for the first program.</summary>
    public static async Task BootedAsync(IVirtualMachine machine, CancellationToken ct)
    {
        while (!machine.ConsoleTail.Any(line => line.Contains("Run /init", StringComparison.Ordinal)
            || line.Contains("Freeing unused", StringComparison.Ordinal)))
        {
            machine.Exited.IsCompleted.Should().BeFalse();
            await Task.Delay(TimeSpan.FromMilliseconds(50), ct);
        }
    }

    /// <summary>A file of it.</summary>
    public static HostPath File(string file) => HostPath.Parse(
        Path.Combine(
            Environment.GetEnvironmentVariable("KATA_TEST_GUEST_DIR")
                ?? Path.GetFullPath(Path.Combine(Here(), "../../artifacts/guest/current")), file), "guest");

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
