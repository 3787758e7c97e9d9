namespace Kata.Core.Domain.Machines;

/// <summary>vCPUs and memory of a machine, with the bounds up to which they may grow.</summary>
/// <param name="Vcpus">vCPUs at start, at least 1.</param>
/// <param name="MaxVcpus">vCPUs at most, at least <paramref name="Vcpus"/>.</param>
/// <param name="MemoryMib">Memory at start in MiB.</param>
/// <param name="MaxMemoryMib">Memory at most in MiB; equal to <paramref name="MemoryMib"/> if it cannot grow.</param>
/// <param name="MemorySlots">Slots for memory added later.</param>
public sealed record VmResources(int Vcpus, int MaxVcpus, int MemoryMib, int MaxMemoryMib, int MemorySlots);
