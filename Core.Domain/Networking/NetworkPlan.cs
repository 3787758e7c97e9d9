using Kata.Core.Domain.Machines;

namespace Kata.Core.Domain.Networking;

/// <summary>Links of a namespace that have been connected to taps: the machine's cards and what the guest makes of them.</summary>
/// <param name="Devices">One card per link, in the order of the links' names.</param>
/// <param name="Guest">Interfaces, routes and neighbours of exactly these links.</param>
public sealed record NetworkPlan(IReadOnlyList<NetworkDevice> Devices, GuestNetworkSpec Guest)
{
    /// <summary>No links.</summary>
    public static NetworkPlan Empty { get; } = new([], GuestNetworkSpec.Empty);
}

/// <summary>How a link of the namespace is connected to a card of the machine.</summary>
public enum InterworkingModel
{
    /// <summary>A tap, and traffic filters that send every frame over to the other side.</summary>
    TcFilter,

    /// <summary>A macvtap on the link.</summary>
    MacVtap,

    /// <summary>Not at all: the machine has no network.</summary>
    None,
}
