namespace Kata.Core.Domain.Machines;

/// <summary>
/// The machine of a sandbox as its containers use it: what they have reserved of its size, its disks, its NICs. It
/// decides what may be and remembers what has been done; whoever calls the VMM and the guest does it and says so. Not
/// thread-safe: each of its three parts belongs to one caller at a time.
/// </summary>
/// <param name="bounds">Up to where it may grow.</param>
/// <param name="atStart">What it is made for.</param>
public sealed class SandboxMachine(MachineBounds bounds, Workload atStart)
{
    /// <summary>vCPUs and memory, and who has reserved them.</summary>
    public MachineSize Size { get; } = new(bounds, atStart);

    /// <summary>Disks that were added to it.</summary>
    public MachineDisks Disks { get; } = new();

    /// <summary>NICs, and what the guest knows of its network.</summary>
    public MachineNics Nics { get; } = new();
}
