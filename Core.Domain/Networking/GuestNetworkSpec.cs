using System.Net;

namespace Kata.Core.Domain.Networking;

/// <summary>What the guest's network shall look like, or does.</summary>
public sealed record GuestNetworkSpec
{
    /// <summary>A network of nothing.</summary>
    public static GuestNetworkSpec Empty { get; } = new();

    /// <summary>Interfaces, without loopback.</summary>
    public IReadOnlyList<GuestInterface> Interfaces { get; init; } = [];

    /// <summary>Routes of the main table, in the order in which they must be added.</summary>
    public IReadOnlyList<GuestRoute> Routes { get; init; } = [];

    /// <summary>Permanent neighbours.</summary>
    public IReadOnlyList<GuestNeighbour> Neighbours { get; init; } = [];

    /// <summary>True if there is nothing in it.</summary>
    public bool IsEmpty => Interfaces.Count + Routes.Count + Neighbours.Count == 0;

    /// <summary>What belongs to one NIC.</summary>
    public GuestNetworkSpec Of(MacAddress nic)
    {
        var link = Interfaces.First(i => i.Mac == nic);
        return new GuestNetworkSpec
        {
            Interfaces = [link],
            Routes = [.. Routes.Where(r => r.Device == link.Name)],
            Neighbours = [.. Neighbours.Where(n => n.Device == link.Name)],
        };
    }

    /// <summary>Both together.</summary>
    public GuestNetworkSpec With(GuestNetworkSpec other) => new()
    {
        Interfaces = [.. Interfaces, .. other.Interfaces],
        Routes = [.. Routes, .. other.Routes],
        Neighbours = [.. Neighbours, .. other.Neighbours],
    };

    /// <summary>All but what belongs to one NIC.</summary>
    public GuestNetworkSpec Without(MacAddress nic)
    {
        var names = Interfaces.Where(i => i.Mac == nic).Select(i => i.Name).ToHashSet();
        return new GuestNetworkSpec
        {
            Interfaces = [.. Interfaces.Where(i => i.Mac != nic)],
            Routes = [.. Routes.Where(r => !names.Contains(r.Device))],
            Neighbours = [.. Neighbours.Where(n => !names.Contains(n.Device))],
        };
    }

    /// <summary>What of it is new or other than it was; what is gone is not told.</summary>
    public GuestNetworkSpec ChangedSince(GuestNetworkSpec before) => new()
    {
        Interfaces = [.. Interfaces.Where(i => before.Interfaces.All(other => !i.LooksLike(other)))],
        Routes = [.. Routes.Except(before.Routes)],
        Neighbours = [.. Neighbours.Except(before.Neighbours)],
    };
}

/// <summary>An interface as the guest shall have it. The guest finds it by its link-layer address.</summary>
public sealed record GuestInterface
{
    /// <summary>Its name, the same as in the container manager's namespace.</summary>
    public required string Name { get; init; }

    /// <summary>Link-layer address.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Largest packet in bytes; 0 to leave it.</summary>
    public uint Mtu { get; init; }

    /// <summary>Addresses, v4 and v6, without link-local ones that the guest makes itself.</summary>
    public IReadOnlyList<IpPrefix> Addresses { get; init; } = [];

    /// <summary>Where it was hot-plugged, as slots from the root bus; empty if it was there from the start.</summary>
    public string PciPath { get; init; } = "";

    /// <summary>Addresses of neighbours are not asked for (IFF_NOARP).</summary>
    public bool NoArp { get; init; }

    /// <summary>Whether both would make the guest do the same; where it was hot-plugged makes no difference.</summary>
    public bool LooksLike(GuestInterface other) =>
        Mac == other.Mac && Name == other.Name && Mtu == other.Mtu && NoArp == other.NoArp
            && Addresses.SequenceEqual(other.Addresses);
}

/// <summary>A route of the main table.</summary>
public sealed record GuestRoute
{
    /// <summary>Where it leads; null for the default route.</summary>
    public IpPrefix? Destination { get; init; }

    /// <summary>The next hop; null for what is on the link.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Preferred source address; null for none.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>The interface.</summary>
    public required string Device { get; init; }

    /// <summary>True for IPv6, which a default route on the link does not show otherwise.</summary>
    public bool IsV6 { get; init; }

    /// <summary>Scope by rtnetlink's numbers: 0 universe, 253 link.</summary>
    public byte Scope { get; init; }

    /// <summary>RTNH_F_ bits; 4 is onlink.</summary>
    public uint Flags { get; init; }

    /// <summary>Largest packet on this route in bytes; 0 for the interface's.</summary>
    public uint Mtu { get; init; }

    /// <summary>Priority, the lower the better; 0 for the kernel's default.</summary>
    public uint Metric { get; init; }
}

/// <summary>A neighbour whose link-layer address is not to be asked for.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Device">The interface behind which it is.</param>
/// <param name="Mac">Its link-layer address.</param>
/// <param name="State">NUD_ bits by rtnetlink's numbers; 0x80 is permanent.</param>
/// <param name="Flags">NTF_ bits by rtnetlink's numbers.</param>
public sealed record GuestNeighbour(IPAddress Address, string Device, MacAddress Mac, ushort State, byte Flags);
