using System.Globalization;
using System.Net.NetworkInformation;
using System.Security.Cryptography;
using Kata.Core.Domain;
using Kata.Core.Domain.Networking;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// A macvtap on a link. It takes over the link's address; the link keeps none, or it would answer beside the guest.
/// </summary>
internal static class MacVtapDevice
{
    // The number names the character device, which all namespaces share; so it is drawn from where no kernel counts.
    private const int LowestIndex = 8192;
    private const int Indexes = 0xFFFF;
    private const int Attempts = 128;
    private const uint DefaultQueueLength = 1500;

    /// <summary>What is to be written down before the link is changed.</summary>
    public static LinkRestore RestoreOf(NetlinkLink link, NetworkSnapshot snapshot) => new(link.Name, link.Address!,
    [
        .. snapshot.Addresses.Where(address => address.Index == link.Index)
            .Select(address => new IpPrefix(address.Address, address.PrefixLength)),
    ]);

    /// <summary>Makes the macvtap and answers its number.</summary>
    public static int Make(NetlinkSocket socket, string name, NetlinkLink link, NetworkSnapshot snapshot)
    {
        var index = Add(socket, name, link);
        // Two links of one wire must never have the same address, so the lower one gives it up first.
        socket.SetLink(link.Index, link.Name, new LinkSettings { Address = RandomAddress() });
        socket.SetLink(index, name, new LinkSettings { Address = link.Address, Mtu = link.Mtu });
        foreach (var address in snapshot.Addresses.Where(address => address.Index == link.Index))
            socket.TryDeleteAddress(address);
        try
        {
            socket.SetLink(index, name, new LinkSettings { NoOwnIpv6Address = true });
        }
        catch (LinuxException e) when (e.Errno is Errno.EAFNOSUPPORT or Errno.EOPNOTSUPP)
        {
            // A kernel without IPv6 makes no address.
        }
        socket.SetLink(index, name, new LinkSettings { Up = true });
        return index;
    }

    /// <summary>Gives a link back what it had.</summary>
    public static void Restore(NetlinkSocket socket, LinkRestore restore)
    {
        if (socket.Links().FirstOrDefault(link => link.Name == restore.Link) is not { } link)
            return;
        socket.SetLink(link.Index, link.Name, new LinkSettings { Address = restore.Mac });
        foreach (var address in restore.Addresses)
            socket.ReplaceAddress(
                new NetlinkAddress
                {
                    Index = link.Index,
                    Address = address.Address,
                    PrefixLength = (byte)address.Length
                });
    }

    /// <summary>The character device of a macvtap.</summary>
    public static HostPath PathOf(int index) => HostPath.Parse($"/dev/tap{index}", "macvtap");

    /// <summary>
    /// Makes the character device where /dev is not the kernel's. In the calling thread's namespace; the thread ends
    /// afterwards.
    /// </summary>
    public static void MakeNode(int index)
    {
        // /sys shows the devices of the namespace in which it was mounted, so it is mounted anew, for this thread
        // alone.
        Namespaces.Unshare(Namespaces.CLONE_NEWNS);
        Mounts.Mount(null, "/", null, MountFlags.MS_REC | MountFlags.MS_PRIVATE);
        Mounts.Mount("sysfs", "/sys", "sysfs", MountFlags.MS_RDONLY);
        var number = File.ReadAllText($"/sys/class/macvtap/tap{index}/dev").Trim().Split(':');
        Nodes.MakeNode(
            PathOf(index).Value, FileStatus.S_IFCHR | 0x180, uint.Parse(number[0], CultureInfo.InvariantCulture),
            uint.Parse(number[1], CultureInfo.InvariantCulture));
    }

    private static int Add(NetlinkSocket socket, string name, NetlinkLink link)
    {
        // No wait for anything: each turn draws another number.
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var index = LowestIndex + RandomNumberGenerator.GetInt32(Indexes);
            if (File.Exists(PathOf(index).Value))
                continue;
            try
            {
                socket.AddMacVtap(new NewMacVtap(name, index, link.Index)
                {
                    Mtu = link.Mtu,
                    TransmitQueueLength = link.TransmitQueueLength > 0 ? link.TransmitQueueLength : DefaultQueueLength,
                });
                return index;
            }
            catch (LinuxException e) when (e.Errno is Errno.EEXIST or Errno.EBUSY)
            {
                // Somebody has that number.
            }
        }
        throw new KataException(ErrorKind.ResourceExhausted, $"{Attempts} random numbers of macvtaps are all in use");
    }

    private static PhysicalAddress RandomAddress()
    {
        var bytes = RandomNumberGenerator.GetBytes(6);
        // Locally administered, and no group.
        bytes[0] = (byte)((bytes[0] & 0xFC) | 2);
        return new PhysicalAddress(bytes);
    }
}
