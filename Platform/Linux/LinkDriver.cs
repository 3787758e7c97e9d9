using System.Text;

namespace Kata.Platform.Linux;

/// <summary>What drives a network interface, as ethtool tells it.</summary>
/// <param name="Driver">Such as <c>veth</c> or <c>e1000e</c>.</param>
/// <param name="Bus">Where its device is, such as <c>0000:00:1f.6</c>; empty for interfaces without one.</param>
public sealed record LinkDriver(string Driver, string Bus)
{
    private const int AF_INET = 2;
    private const int SOCK_DGRAM = 2;
    private const nuint SIOCETHTOOL = 0x8946;
    private const uint ETHTOOL_GDRVINFO = 3;
    private const int SizeOfIfreq = 40;
    private const int SizeOfDriverInfo = 196;

    /// <summary>
    /// Asks in the calling thread's network namespace; null if the interface is gone or does not tell.
    /// </summary>
    public static unsafe LinkDriver? TryRead(string name)
    {
        if (name.Length is 0 or > TunTap.LongestName || !Ascii.IsValid(name))
            return null;
        using var socket = DescriptorIo.Own(
            Libc.socket(AF_INET, SOCK_DGRAM | OpenFlags.O_CLOEXEC, 0), "socket", "AF_INET");
        // SAFETY: struct ethtool_drvinfo is 196 bytes: the command, then driver, version, firmware and bus in 32 each;
        // struct ifreq is 40: the name in 16, NUL-terminated since it is at most 15 long, then a pointer. Both outlive
        // the call.
        var info = stackalloc byte[SizeOfDriverInfo];
        new Span<byte>(info, SizeOfDriverInfo).Clear();
        *(uint*)info = ETHTOOL_GDRVINFO;
        var request = stackalloc byte[SizeOfIfreq];
        new Span<byte>(request, SizeOfIfreq).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, TunTap.LongestName));
        *(byte**)(request + 16) = info;
        if (Libc.ioctl(socket, SIOCETHTOOL, request) < 0)
            return null;
        return new LinkDriver(Text(new ReadOnlySpan<byte>(info + 4, 32)), Text(new ReadOnlySpan<byte>(info + 100, 32)));
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
