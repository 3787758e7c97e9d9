using Kata.Core.Domain.Storage;

namespace Kata.Core.Application.Volumes;

/// <summary>
/// Volumes that kubelet makes lie in a directory that tells their plugin, wherever kubelet's own root is:
/// <c>…/volumes/kubernetes.io~PLUGIN/NAME</c>.
/// </summary>
internal static class KubeletVolume
{
    private const string EmptyDir = "kubernetes.io~empty-dir";

    private static readonly string[] RenewedPlugins =
        ["kubernetes.io~configmap", "kubernetes.io~secret", "kubernetes.io~projected", "kubernetes.io~downward-api"];

    /// <summary>An emptyDir.</summary>
    public static bool IsEmptyDir(HostPath path) => Plugin(path) == EmptyDir;

    /// <summary>A volume whose content kubelet renews.</summary>
    public static bool IsRenewed(HostPath path) => RenewedPlugins.Contains(Plugin(path));

    /// <summary>
    /// The emptyDir of which a subPath may be a part: kubelet binds it to
    /// <c>…/volume-subpaths/VOLUME/CONTAINER/NUMBER</c> beside the volumes. Null for any other path.
    /// </summary>
    public static HostPath? OfSubPath(HostPath path) =>
        path.Value.Split('/') is [.. { Length: > 1 } pod, "volume-subpaths", var volume, _, _]
            ? HostPath.Parse($"{string.Join('/', pod)}/volumes/{EmptyDir}/{volume}", "emptyDir")
            : null;

    private static string Plugin(HostPath path) => path.Value.Split('/') is [.., var plugin, _] ? plugin : "";
}
