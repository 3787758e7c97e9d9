using Kata.Core.Application.Settings;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>The machine to launch, from the settings and what the steps before have found.</summary>
internal static class VmBlueprint
{
    public static VmSpec Draw(BootContext boot)
    {
        var devices = new List<Device>
        {
            new RngDevice(HostPath.Parse(boot.Settings.Hypervisor.EntropySource, "entropy_source")),
        };
        if (boot.Share is { } share)
            devices.Add(share.VmDevice);
        devices.AddRange(boot.Network.Devices);
        return new VmSpec
        {
            Sandbox = boot.Sandbox.Id,
            Name = $"sandbox-{boot.Sandbox.Id}",
            Machine = Options(boot.Settings),
            Boot = boot.Assets with
            {
                KernelParameters = [.. boot.Assets.KernelParameters, .. AgentParameters(boot.Settings)],
            },
            Resources = boot.Machine.Size.Present,
            Devices = devices,
        };
    }

    private static MachineOptions Options(RuntimeSettings settings)
    {
        var h = settings.Hypervisor;
        return new MachineOptions
        {
            Program = HostPath.Parse(h.Path, "hypervisor path"),
            MachineType = h.MachineType,
            MachineAccelerators = h.MachineAccelerators,
            CpuFeatures = h.CpuFeatures,
            Firmware = h.Firmware.Length > 0 ? HostPath.Parse(h.Firmware, "firmware") : null,
            Accelerator = h.Accelerator,
            SeccompSandbox = h.SeccompSandbox,
            Channel = h.Channel,
            VsockDaemon = h.VsockDaemon.Length > 0 ? HostPath.Parse(h.VsockDaemon, "vhost_vsock_daemon") : null,
            VhostNet = !h.DisableVhostNet,
            Debug = h.Debug,
            ControlTimeout = settings.Guest.DialTimeout < MachineOptions.LongestControlTimeout
                ? settings.Guest.DialTimeout
                : MachineOptions.LongestControlTimeout,
        };
    }

    private static IEnumerable<string> AgentParameters(RuntimeSettings settings)
    {
        if (settings.Guest.Debug)
            yield return "agent.log=debug";
        if (settings.Guest.DebugConsole)
        {
            yield return "agent.debug_console";
            yield return "agent.debug_console_vport=1026";
        }
    }
}
