using Kata.Adapters.Qemu.Channels;
using Kata.Adapters.Qemu.CommandLine;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Qemu;

/// <summary>Machines run by QEMU.</summary>
internal sealed class QemuHypervisor(
    HostCapabilities host, TimeProvider time, ILogger<QemuHypervisor> logger) : IHypervisor
{
    /// <summary>What the process is called in the ledger.</summary>
    private const string Role = "qemu";

    private readonly ChannelSelector _channels = new(host, time);

    public string Name => QemuSection.HypervisorName;

    public async Task<IVirtualMachine> LaunchAsync(
        VmSpec spec, VmPlacement placement, IResourceLedger ledger, CancellationToken ct)
    {
        var program = spec.Machine.Program;
        if (!File.Exists(program.Value))
            throw new KataException(
                ErrorKind.NotFound,
                $"the VMM {program} is not installed: install QEMU, or name it as path in the section hypervisor.qemu");
        Directory.CreateDirectory(placement.StateDirectory.Value);

        var accelerator = host.ChooseAccelerator(spec.Machine.Accelerator);
        if (accelerator.IsFallback)
            logger.Emulated(spec.Sandbox, accelerator.Reason);

        var launch = new QemuLaunch(spec, time);
        using var inherited = new InheritedSet();
        GuestChannelSetup? channel = null;
        StateSocket? monitor = null;
        SupervisedProcess? process = null;
        try
        {
            monitor = StateSocket.Reserve(placement.StateDirectory, "qmp.sock", ledger);
            var listener = inherited.Add(monitor.Listen());
            channel = await _channels.OpenAsync(spec.Machine, placement, inherited, ledger, ct);
            var vhostNet = spec.Machine.VhostNet && host.HasVhostNet();
            var arguments = QemuCommandLine.Print(spec, new HostChoices
            {
                Architecture = host.Architecture,
                Kvm = accelerator.Kvm,
                VhostNet = vhostNet,
                QmpDescriptor = listener,
                Channel = channel.Options,
                NicDescriptors = MacVtap.OpenAll(spec.Devices, inherited),
                IsBlockDevice = path => FileStatus.TryOf(path)?.IsBlockDevice ?? false,
            });

            // Connected before QEMU runs and with no copy of the listener kept: its death then ends the connection.
            var socket = await monitor.ConnectAsync(ct);
            try
            {
                var entry = new ProcessEntry(ledger, Role);
                process = await SupervisedProcess.StartAsync(
                    new SupervisedStart
                    {
                        Program = program.Value,
                        Arguments = arguments,
                        Placement = Placements.Of(placement),
                        Record = entry.Record,
                        Forget = entry.Forget,
                    },
                    inherited,
                    time,
                    ct);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
            var qmp = await launch.GreetAsync(socket, process, ct);
            var choices = $"{accelerator.Reason}; {channel.Reason}";
            logger.Launched(spec.Sandbox, qmp.Version.ToString(), process.ProcessId, launch.Elapsed, choices);
            var control = new QemuControl(qmp);
            return new QemuMachine(spec.Sandbox, process, control, channel, monitor, choices, logger)
            {
                Hotplug = QemuCommandLine.CanPlug(spec, host.Architecture)
                    ? new QemuHotplug(control, vhostNet, time)
                    : null,
                Resize = QemuCommandLine.CanGrow(spec, host.Architecture)
                    ? new QemuResize(control, spec.Resources, time)
                    : null,
            };
        }
        catch (Exception failure)
        {
            if (process is not null)
                await process.StopAsync(TimeSpan.Zero, new CancellationToken(canceled: true));
            if (channel is not null)
                await channel.ReleaseAsync();
            monitor?.Release();
            if (failure is OperationCanceledException && ct.IsCancellationRequested)
                throw;
            if (await launch.ExplainAsync(failure, process) is { } explained)
                throw explained;
            throw;
        }
    }
}
