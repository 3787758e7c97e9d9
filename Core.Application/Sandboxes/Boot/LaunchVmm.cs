using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Starts the VMM; from here on its end ends the boot.</summary>
internal sealed class LaunchVmm(
    IEnumerable<IHypervisor> hypervisors, SandboxCgroups cgroups, ILogger<LaunchVmm> log) : IBootStep
{
    public string Phase => "launch-vmm";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        var vm = boot.Vm = await Hypervisor(boot.Settings)
            .LaunchAsync(VmBlueprint.Draw(boot), boot.Placement, boot.Ledger, ct);
        boot.Sandbox.Hold(ReleaseOrder.Machine, (grace, limit) => vm.StopAsync(grace, limit));
        boot.Creation.Limits.Watch(vm, boot.Share);
        BootLog.Launched(log, vm.ProcessId, vm.Choices);
        if (boot.Share is { Daemon: { Lacks.Count: > 0 } daemon })
            BootLog.FilesLack(log, daemon.Name, string.Join("; ", daemon.Lacks));
        await cgroups.MoveVcpusAsync(boot.Cgroups, vm, ct);
    }

    private IHypervisor Hypervisor(RuntimeSettings settings) =>
        hypervisors.FirstOrDefault(h => h.Name == settings.Hypervisor.Name)
        ?? throw new KataException(ErrorKind.InvalidArgument,
            $"hypervisor \"{settings.Hypervisor.Name}\" of {settings.Source} is not one of: "
            + $"{string.Join(", ", hypervisors.Select(h => h.Name))}");
}
