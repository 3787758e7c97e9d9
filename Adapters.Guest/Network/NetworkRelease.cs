using Kata.Core.Domain.Sandboxes;
using Kata.Platform.Linux.Netlink;

namespace Kata.Adapters.Guest.Network;

/// <summary>Gives back taps and disciplines. What is gone already, with its link or its namespace, is fine.</summary>
internal static class NetworkRelease
{
    /// <summary>In whatever namespace it is, also for a sandbox whose shim has died.</summary>
    public static async Task ReleaseAsync(AcquiredResource resource)
    {
        var named = NetworkResource.Parse(resource);
        using var file = NetworkNamespaceFile.TryReopen(named.Namespace, named.Inode);
        if (file is null)
            return;
        await file.RunAsync(() =>
        {
            using var socket = NetlinkSocket.Open();
            // Another one may have got the inode of the one that is gone.
            if (named.Cookie == socket.NamespaceCookie)
                Release(socket, resource.Kind, named);
            return true;
        });
    }

    /// <summary>In the namespace of the socket.</summary>
    public static void Release(NetlinkSocket socket, ResourceKind kind, NetworkResource named)
    {
        if (socket.Links().FirstOrDefault(link => link.Name == named.Link) is { } link)
        {
            if (kind == ResourceKind.Qdisc)
                TrafficMirror.Disconnect(socket, link, named.IsFilterOnly);
            else if (LinkSelection.IsOurs(link))
                socket.TryDeleteLink(link.Index, link.Name);
        }
        if (named.Restore is { } restore)
            MacVtapDevice.Restore(socket, restore);
    }
}
