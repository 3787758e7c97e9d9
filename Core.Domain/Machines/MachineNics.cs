using Kata.Core.Domain.Networking;

namespace Kata.Core.Domain.Machines;

/// <summary>The NICs that were hot-plugged into a machine, and the network that its guest has been told of.</summary>
public sealed class MachineNics
{
    private readonly Dictionary<MacAddress, AttachedDevice> _plugged = [];

    /// <summary>What the guest has been told, of all NICs.</summary>
    public GuestNetworkSpec Applied { get; private set; } = GuestNetworkSpec.Empty;

    /// <summary>The guest has been told of what the machine was launched with.</summary>
    public void RecordApplied(GuestNetworkSpec network) => Applied = network;

    /// <summary>A NIC has been hot-plugged; the guest does not know of its addresses yet.</summary>
    public void RecordPlugged(MacAddress nic, AttachedDevice attached) => _plugged[nic] = attached;

    /// <summary>The guest has been told of what belongs to one NIC.</summary>
    public void RecordAdded(GuestNetworkSpec part) => Applied = Applied.With(part);

    /// <summary>
    /// The hot-plugged NIC; null for one that was there from the launch, which cannot be hot-unplugged.
    /// </summary>
    public AttachedDevice? Plugged(MacAddress nic) => _plugged.GetValueOrDefault(nic);

    /// <summary>The machine has it no more.</summary>
    public void RecordUnplugged(MacAddress nic) => _plugged.Remove(nic);

    /// <summary>Its link is gone, and with it what the guest had for it.</summary>
    public void RecordRemoved(MacAddress nic) => Applied = Applied.Without(nic);
}
