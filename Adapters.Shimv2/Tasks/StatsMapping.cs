using Google.Protobuf.WellKnownTypes;
using Kata.Core.Application.Containers;

namespace Kata.Adapters.Shimv2.Tasks;

/// <summary>
/// Figures of a container in the message that the host's cgroup mode calls for: containerd's collector decodes by the
/// host's mode, not by the type. Every part is present even when empty, for some readers do not check.
/// </summary>
internal static class StatsMapping
{
    public static Any ToAny(GetContainerStatsReply reply) => reply.Unified
        ? TypeUrl.Pack("io.containerd.cgroups.v2.Metrics", UnifiedMetrics.From(reply.Stats))
        : TypeUrl.Pack("io.containerd.cgroups.v1.Metrics", LegacyMetrics.From(reply.Stats));
}
