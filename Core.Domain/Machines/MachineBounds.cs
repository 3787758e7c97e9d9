namespace Kata.Core.Domain.Machines;

/// <summary>What the settings say of a machine's size, as far as the host goes along.</summary>
/// <param name="Vcpus">vCPUs of a machine without any limit: key default_vcpus.</param>
/// <param name="MaxVcpus">vCPUs at most: key default_maxvcpus, and no more than the host's.</param>
/// <param name="MemoryMib">Memory of a machine without any limit: key default_memory.</param>
/// <param name="MaxMemoryMib">Memory at most: key default_maxmemory; 0 for no growth beyond the start.</param>
/// <param name="MemorySlots">How often memory can be added: key memory_slots.</param>
/// <param name="Fixed">All is given at the start and nothing later: key static_sandbox_resource_mgmt.</param>
public sealed record MachineBounds(
    int Vcpus, int MaxVcpus, int MemoryMib, int MaxMemoryMib, int MemorySlots, bool Fixed)
{
    /// <summary>
    /// The bounds on a host with so many CPUs. Fewer vCPUs than 1 mean as many as the host has, and so does a maximum
    /// of 0.
    /// </summary>
    public static MachineBounds Of(
        int vcpus, int maxVcpus, int memoryMib, int maxMemoryMib, int memorySlots, bool isFixed, int hostCpus)
    {
        var most = Math.Max(1, maxVcpus > 0 ? Math.Min(maxVcpus, hostCpus) : hostCpus);
        return new MachineBounds(
            Math.Clamp(vcpus < 1 ? hostCpus : vcpus, 1, most), most, memoryMib, maxMemoryMib, memorySlots, isFixed);
    }
}
