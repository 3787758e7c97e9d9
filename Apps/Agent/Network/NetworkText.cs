using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Oci = Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Network;

/// <summary>The texts in which hosts write networks. What cannot be read is refused with the text.</summary>
internal static class NetworkText
{
    private const int LongestName = 15;

    /// <summary>A name that the kernel takes.</summary>
    public static string LinkName(string text) =>
        text.Length is > 0 and <= LongestName && text is not ("." or "..")
            && text.All(c => c is > ' ' and < (char)127 and not ('/' or ':'))
            ? text
            : throw AgentRefusals.Invalid(
                $"'{Shorten(text)}' is no name of an interface: "
                + $"1 to {LongestName} letters, without blanks, '/' and ':'");

    public static PhysicalAddress LinkAddress(string text) =>
        text.Length > 0 && PhysicalAddress.TryParse(text, out var address) && address.GetAddressBytes().Length == 6
            ? address
            : throw AgentRefusals.Invalid($"'{Shorten(text)}' is no link-layer address");

    public static IPAddress Address(string text) =>
        IPAddress.TryParse(text, out var address)
            ? address
            : throw AgentRefusals.Invalid($"'{Shorten(text)}' is no IP address");

    public static (IPAddress Address, byte Length) Prefix(Oci.IPAddress address) =>
        Prefix($"{address.Address}/{address.Mask}");

    public static (IPAddress Address, byte Length) Prefix(string text)
    {
        var parts = text.Split('/');
        var address = Address(parts[0]);
        var longest = address.AddressFamily == AddressFamily.InterNetworkV6 ? 128 : 32;
        if (parts.Length == 2
            && byte.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            && length <= longest)
            return (address, length);
        throw AgentRefusals.Invalid($"'{Shorten(text)}' is no IP address with a prefix length of 0 to {longest}");
    }

    /// <summary>A preferred source address. Routing by source is not asked of a guest.</summary>
    public static IPAddress Source(string text)
    {
        var parts = text.Split('/');
        var address = Address(parts[0]);
        return parts is [_] or [_, "0" or "32" or "128"]
            ? address
            : throw AgentRefusals.Invalid($"routes by source, here '{Shorten(text)}', are unknown to this agent");
    }

    public static string Colons(PhysicalAddress? address) =>
        address is null
            ? ""
            : string.Join(':', address.GetAddressBytes().Select(b => b.ToString("X2", CultureInfo.InvariantCulture)));

    public static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
