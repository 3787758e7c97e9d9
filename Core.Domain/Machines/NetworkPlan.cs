using Kata.Core.Domain.Networking;

namespace Kata.Core.Domain.Machines;

/// <summary>
/// Links of a namespace that have been connected to taps: the machine's NICs and what the guest makes of them.
/// </summary>
/// <param name="Devices">One NIC per link, in the order of the links' names.</param>
/// <param name="Guest">Interfaces, routes and neighbours of exactly these links.</param>
public sealed record NetworkPlan(IReadOnlyList<NetworkDevice> Devices, GuestNetworkSpec Guest)
{
    /// <summary>No links.</summary>
    public static NetworkPlan Empty { get; } = new([], GuestNetworkSpec.Empty);
}
