using System.Net;

namespace Kata.Core.Domain.Networking;

/// <summary>An address with the length of its network, such as <c>10.1.2.3/24</c>.</summary>
/// <param name="Address">The address, host bits kept.</param>
/// <param name="Length">Bits of the network: 0 to 32, or to 128.</param>
public readonly record struct IpPrefix(IPAddress Address, int Length)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Address}/{Length}";
}
