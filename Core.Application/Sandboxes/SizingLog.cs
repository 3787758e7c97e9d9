using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Event ids 1170 to 1179.</summary>
internal static partial class SizingLog
{
    [LoggerMessage(1170, LogLevel.Warning,
        "the CPU limits ask for {Asked} vCPUs, {Most} is the most that default_maxvcpus and the host's CPUs allow; "
        + "the machine has that many")]
    public static partial void Capped(ILogger log, long asked, int most);

    [LoggerMessage(1171, LogLevel.Warning, "vCPU hot-plug failed, {Reached} of {Wanted} vCPUs are there: {Reason}")]
    public static partial void FewerVcpus(ILogger log, int wanted, int reached, string reason);

    [LoggerMessage(1172, LogLevel.Information, "resized the VM from {Before} to {Now} vCPUs")]
    public static partial void Vcpus(ILogger log, int before, int now);

    [LoggerMessage(1173, LogLevel.Information, "resized the VM from {Before} to {Now} MiB of memory")]
    public static partial void Memory(ILogger log, int before, int now);

    [LoggerMessage(1174, LogLevel.Warning, "vCPU hot-unplug failed, keeping surplus vCPUs: {Reason}")]
    public static partial void NotShrunk(ILogger log, string reason);

    [LoggerMessage(1176, LogLevel.Warning,
        "the pod's cgroup allows {Allowed} MiB of memory and the machine has {Machine} MiB: "
        + "if the guest uses it, the host kills it; overhead.podFixed of the RuntimeClass is too small")]
    public static partial void LittleRoom(ILogger log, long allowed, int machine);

    [LoggerMessage(1177, LogLevel.Warning,
        "cannot move the vCPU threads into the sandbox's cgroup, the pod's CPU limits do not apply to them: {Reason}")]
    public static partial void VcpusNotMoved(ILogger log, string reason);

    [LoggerMessage(1178, LogLevel.Warning, "cannot set the cpuset of container {Id} to vCPUs {Vcpus}: {Reason}")]
    public static partial void NotBound(ILogger log, string id, string vcpus, string reason);

    [LoggerMessage(1175, LogLevel.Warning, "cannot resize the tmpfs volumes of the guest: {Reason}")]
    public static partial void MountsKeepSize(ILogger log, string reason);
}
