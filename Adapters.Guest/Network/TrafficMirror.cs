using Kata.Core.Domain;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// Filters that send every frame that comes in on one link out of the other, before the host's own stack sees it.
/// </summary>
internal static class TrafficMirror
{
    // Behind the filters that others have put there, also behind those whose place the kernel chose.
    private const ushort Priority = 50000;

    /// <summary>True if the link's ingress has a discipline already, which is used and then left.</summary>
    public static bool HasIngress(NetlinkSocket socket, int index) =>
        socket.Qdiscs(index).Any(qdisc => qdisc.IsOnIngress);

    /// <summary>
    /// Connects the link with a tap of ours. <paramref name="hasIngress"/> is what <see cref="HasIngress"/> said of the
    /// link.
    /// </summary>
    public static void Connect(NetlinkSocket socket, NetlinkLink link, NetlinkLink tap, bool hasIngress)
    {
        try
        {
            socket.AddIngress(tap.Index, tap.Name);
            socket.AddRedirect(tap.Index, tap.Name, link.Index, Priority);
            if (!hasIngress)
                socket.AddIngress(link.Index, link.Name);
            socket.AddRedirect(link.Index, link.Name, tap.Index, Priority);
        }
        catch (LinuxException e)
            when (e.Errno is Errno.ENOENT or Errno.EOPNOTSUPP && e.Call is "RTM_NEWTFILTER" or "RTM_NEWQDISC")
        {
            throw new KataException(ErrorKind.Unimplemented,
                $"link {link.Name} cannot be connected by traffic filters, "
                + "since this kernel has no "
                + $"{(e.Call == "RTM_NEWQDISC" ? "ingress discipline" : "u32 filter or mirred action")}: "
                + "load sch_ingress, cls_u32 and act_mirred (links that are there before the pod can do without, "
                + "by internetworking_model "
                + "macvtap)", e);
        }
    }

    /// <summary>The link to which a filter of ours sends the frames of this one; null if there is none.</summary>
    public static int? TargetOf(NetlinkSocket socket, NetlinkLink link) =>
        Ours(socket, link).Select(filter => (int?)filter.RedirectsTo).FirstOrDefault(target => target > 0);

    /// <summary>Takes our filter away, and the discipline unless it was there before or others use it now.</summary>
    public static void Disconnect(NetlinkSocket socket, NetlinkLink link, bool filterOnly)
    {
        foreach (var filter in Ours(socket, link))
            socket.TryDeleteFilter(filter with { Handle = 0 }, link.Name);
        if (!filterOnly && socket.IngressFilters(link.Index, link.Name).Count == 0)
            socket.TryDeleteIngress(link.Index, link.Name);
    }

    private static IEnumerable<NetlinkFilter> Ours(NetlinkSocket socket, NetlinkLink link) =>
        socket.IngressFilters(link.Index, link.Name).Where(filter => filter is { Priority: Priority, Kind: "u32" });
}
