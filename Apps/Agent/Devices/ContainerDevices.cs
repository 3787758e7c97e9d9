using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Devices;

/// <summary>Turns the host's device messages into devices of the guest.</summary>
internal sealed class ContainerDevices(DeviceFinder finder)
{
    /// <summary>Waits for each of them. What is not there in time, or makes no sense, is refused.</summary>
    public async Task<IReadOnlyList<ContainerDevice>> FindAsync(
        IEnumerable<Oci.Device> devices, CancellationToken cancellation)
    {
        var found = new List<ContainerDevice>();
        foreach (var device in devices)
        {
            if (device.Type.Length == 0 || device.ContainerPath.Length == 0
                || (device.Id.Length == 0 && device.VmPath.Length == 0))
            {
                throw AgentRefusals.Invalid(
                    "a device needs a type, a path in the container, and an id or a path in the guest");
            }

            if (found.Exists(other => other.ContainerPath == device.ContainerPath))
            {
                throw AgentRefusals.Invalid($"two devices are meant for {device.ContainerPath}");
            }

            found.Add(new ContainerDevice(device.ContainerPath, await FindAsync(device, cancellation)));
        }

        return found;
    }

    private async Task<BlockNode?> FindAsync(Oci.Device device, CancellationToken cancellation)
    {
        switch (device.Type)
        {
            case "blk" or "scsi" when device.Id.Length > 0:
                return await finder.FindBlockAsync(device.Type, device.Id, cancellation);
            case "mmioblk" or "nvdimm" when device.VmPath.Length > 0:
                return await finder.FindBlockAsync(device.Type, device.VmPath, cancellation);
            case "blk" or "scsi" or "mmioblk" or "nvdimm":
                throw AgentRefusals.Invalid(
                    $"the {device.Type} device for {device.ContainerPath} has no address in the guest");
            case "vfio-pci-gk":
                foreach (var option in device.Options)
                {
                    // The host's address, then the guest's.
                    if (option[(option.IndexOf('=', StringComparison.Ordinal) + 1)..] is { Length: > 0 } path)
                    {
                        await finder.WaitForDeviceAsync(path, cancellation);
                    }
                }

                return null;
            default:
                throw AgentRefusals.Unimplemented(
                    $"this agent attaches no devices of type '{device.Type}': "
                    + "blk, scsi, mmioblk, nvdimm and vfio-pci-gk it knows");
        }
    }
}
