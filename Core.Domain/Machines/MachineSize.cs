using Kata.Core.Domain.Containers;

namespace Kata.Core.Domain.Machines;

/// <summary>
/// How large a machine is, and for whom. Memory is a reservation: a container that cannot have it is refused. vCPUs are
/// a bound: with fewer it runs, only slower. What was added counts once the guest uses it.
/// </summary>
public sealed class MachineSize
{
    private readonly Workload _atStart;
    private readonly Dictionary<ContainerId, Workload> _reserved = [];
    private int _slotsUsed;

    /// <summary>A machine for its first container.</summary>
    /// <exception cref="KataException">ResourceExhausted if its memory would exceed the maximum.</exception>
    public MachineSize(MachineBounds bounds, Workload atStart)
    {
        Bounds = bounds;
        _atStart = atStart;
        Present = Sizing.AtStart(bounds, atStart);
        (OnlineVcpus, OnlineMemoryMib) = (Present.Vcpus, Present.MemoryMib);
    }

    /// <summary>Up to where it may grow.</summary>
    public MachineBounds Bounds { get; }

    /// <summary>What the VMM gives it now.</summary>
    public VmResources Present { get; private set; }

    /// <summary>vCPUs that the guest uses.</summary>
    public int OnlineVcpus { get; private set; }

    /// <summary>Memory in MiB that the guest uses.</summary>
    public int OnlineMemoryMib { get; private set; }

    /// <summary>What a container has reserved; nothing for one that has not.</summary>
    public Workload ReservedBy(ContainerId container) => _reserved.GetValueOrDefault(container, Workload.None);

    /// <summary>What all have reserved together, and no less than it was made for.</summary>
    public Workload Required() => Workload.Sum(_reserved.Values).Max(_atStart);

    /// <summary>The same, with another reservation of one container.</summary>
    public Workload RequiredWith(ContainerId container, Workload asked) =>
        Workload.Sum([.. _reserved.Where(one => one.Key != container).Select(one => one.Value), asked]).Max(_atStart);

    /// <summary>Remembers what a container has reserved.</summary>
    public void Reserve(ContainerId container, Workload workload) => _reserved[container] = workload;

    /// <summary>Drops the reservations of all but these.</summary>
    public void KeepOnly(IReadOnlySet<ContainerId> containers)
    {
        foreach (var gone in _reserved.Keys.Where(id => !containers.Contains(id)).ToArray())
            _reserved.Remove(gone);
    }

    /// <summary>The vCPUs to ask for; null if it has what is required. It shrinks only if it may.</summary>
    public int? NextVcpus(Workload required, bool mayShrink)
    {
        var wanted = Sizing.Vcpus(Bounds, required);
        return !Bounds.Fixed && (wanted > Present.Vcpus || (mayShrink && wanted < Present.Vcpus)) ? wanted : null;
    }

    /// <summary>What the VMM has come to when it was asked for another size.</summary>
    public void RecordResize(VmResources reached)
    {
        if (reached.MemoryMib > Present.MemoryMib)
            _slotsUsed++;
        Present = reached;
    }

    /// <summary>So many vCPUs are what the guest uses, or is about to.</summary>
    public void RecordOnlineVcpus(int vcpus) => OnlineVcpus = vcpus;

    /// <summary>
    /// The memory in MiB to ask for next on the way to what is required; null if the guest has it. Equal to the
    /// present size when the VMM has given it and the guest does not use it yet.
    /// </summary>
    /// <param name="required">What is to be reached.</param>
    /// <param name="blockMib">Granularity of the guest.</param>
    /// <exception cref="KataException">ResourceExhausted if it cannot be reached.</exception>
    public int? NextMemory(Workload required, int blockMib)
    {
        var wantedMib = Sizing.Memory(Bounds, required);
        if (Bounds.Fixed || wantedMib <= OnlineMemoryMib)
            return null;
        if (wantedMib > Present.MaxMemoryMib)
            throw Sizing.TooMuchMemory(Bounds, wantedMib, Present);
        var next = Sizing.NextMemory(Present, wantedMib, blockMib, _slotsUsed);
        if (next > OnlineMemoryMib)
            return next;
        throw Sizing.TooMuchMemory(Bounds, wantedMib, Present, _slotsUsed >= Present.MemorySlots
            ? $"all {Present.MemorySlots} memory slots are used: raise memory_slots or default_memory"
            : null);
    }

    /// <summary>The guest uses all memory that the VMM gives it.</summary>
    public void RecordOnlineMemory() => OnlineMemoryMib = Present.MemoryMib;

    /// <summary>The refusal of a reservation that the machine cannot keep.</summary>
    public KataException TooMuchMemory(Workload required, string reason) =>
        Sizing.TooMuchMemory(Bounds, Sizing.Memory(Bounds, required), Present, reason);
}
