namespace Kata.Core.Domain.Machines;

/// <summary>
/// Arithmetic of machine sizes. A machine is the settings' base plus what its containers reserve. What a pod's
/// annotations reserve is there from the start; its containers' own limits are the same told again, so only
/// what they exceed it by is added later.
/// </summary>
public static class Sizing
{
    // Room for the descriptors of added pages must come from what there is already: 64 bytes for 4096 each, with
    // reserve.
    private const int LargestStep = 48;

    // Three times a third of a CPU is one, not a little more than one, which would be rounded up to two.
    private const int Digits = 6;

    /// <summary>The machine at its start.</summary>
    /// <exception cref="KataException">ResourceExhausted if its memory would exceed the settings' maximum.</exception>
    public static VmResources AtStart(MachineBounds bounds, Workload workload)
    {
        var vcpus = Vcpus(bounds, workload);
        var memoryMib = Memory(bounds, workload);
        if (memoryMib > (bounds.MaxMemoryMib > 0 ? bounds.MaxMemoryMib : int.MaxValue))
            throw TooMuchMemory(bounds, memoryMib, null);
        return bounds.Fixed
            ? new VmResources(vcpus, vcpus, (int)memoryMib, (int)memoryMib, 0)
            : new VmResources(
                vcpus, Math.Max(vcpus, bounds.MaxVcpus), (int)memoryMib, Math.Max((int)memoryMib, bounds.MaxMemoryMib),
                bounds.MemorySlots);
    }

    /// <summary>vCPUs for a workload, no more than there may be.</summary>
    public static int Vcpus(MachineBounds bounds, Workload workload) =>
        (int)Math.Min(RequestedVcpus(bounds, workload), bounds.MaxVcpus);

    /// <summary>vCPUs for a workload, whatever the maximum.</summary>
    public static long RequestedVcpus(MachineBounds bounds, Workload workload)
    {
        var own = Math.Ceiling(Math.Round(Math.Min(workload.Cpus, int.MaxValue), Digits));

        // Without a quota a set of the host's CPUs bounds how many run at once, the base among them.
        return own > 0 ? bounds.Vcpus + (long)own : Math.Max(bounds.Vcpus, workload.Cpuset.Count);
    }

    /// <summary>Memory for a workload in MiB, whatever the maximum.</summary>
    public static long Memory(MachineBounds bounds, Workload workload) => bounds.MemoryMib + workload.MemoryMib;

    /// <summary>
    /// The next size on the way to the wanted one, in whole blocks of the guest and within the bounds; the present one
    /// if no step is left. When half of the slots are used, a step takes more than is needed at once, so that the rest
    /// suffices.
    /// </summary>
    /// <param name="present">The machine now, with its bounds.</param>
    /// <param name="wantedMib">Memory to reach.</param>
    /// <param name="blockMib">Granularity of the guest.</param>
    /// <param name="slotsUsed">How often memory has been added.</param>
    public static int NextMemory(VmResources present, long wantedMib, int blockMib, int slotsUsed)
    {
        if (wantedMib <= present.MemoryMib || slotsUsed >= present.MemorySlots)
            return present.MemoryMib;
        var needed = wantedMib - present.MemoryMib;
        if (slotsUsed * 2 >= present.MemorySlots)
            needed = Math.Max(needed, present.MemoryMib / 2);
        var step = Math.Min(
            Math.Min((needed + blockMib - 1) / blockMib, (long)present.MemoryMib * LargestStep / blockMib),
            (present.MaxMemoryMib - present.MemoryMib) / blockMib);
        return present.MemoryMib + (int)(step * blockMib);
    }

    /// <summary>Memory that was asked for cannot be had.</summary>
    /// <param name="bounds">The settings.</param>
    /// <param name="wantedMib">What base and limits come to.</param>
    /// <param name="reached">How far it went; null if it was not begun.</param>
    /// <param name="reason">What stood against it besides the maximum.</param>
    public static KataException TooMuchMemory(
        MachineBounds bounds, long wantedMib, VmResources? reached, string? reason = null)
    {
        var asked = $"the limits ask for a machine of {wantedMib} MiB of memory ({wantedMib - bounds.MemoryMib} MiB "
            + $"and default_memory, {bounds.MemoryMib} MiB)";
        var had = reached is null ? "" : $"; {reached.MemoryMib} MiB were reached";
        var why = reason
            ?? $"default_maxmemory allows {reached?.MaxMemoryMib ?? bounds.MaxMemoryMib} MiB: "
                + "lower the memory limits, or raise default_maxmemory (0 stands for all of the host's)";
        return new KataException(ErrorKind.ResourceExhausted, $"{asked}{had}; {why}");
    }
}
