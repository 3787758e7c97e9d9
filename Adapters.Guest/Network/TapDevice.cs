using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>Taps that stay until they are deleted, so that the VMM opens them by name.</summary>
internal static class TapDevice
{
    /// <summary>
    /// Makes a tap in the calling thread's namespace and brings it up; the kernel sends nothing of its own on it.
    /// </summary>
    public static NetlinkLink Make(NetlinkSocket socket, string name, int queues, uint mtu)
    {
        foreach (var handle in TunTap.OpenTap(name, queues, virtioHeader: true, persistent: true))
            handle.Dispose();
        var tap = socket.Links().First(link => link.Name == name);
        try
        {
            socket.SetLink(tap.Index, name, new LinkSettings { NoOwnIpv6Address = true });
        }
        catch (LinuxException e) when (e.Errno is Errno.EAFNOSUPPORT or Errno.EOPNOTSUPP)
        {
            // A kernel without IPv6 makes no address.
        }
        socket.SetLink(tap.Index, name, new LinkSettings { Mtu = mtu });
        socket.SetLink(tap.Index, name, new LinkSettings { Up = true });
        return tap;
    }
}
