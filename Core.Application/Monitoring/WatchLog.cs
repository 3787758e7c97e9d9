using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>Event ids 1206 to 1219.</summary>
internal static partial class WatchLog
{
    [LoggerMessage(1206, LogLevel.Warning, "no container for {Seconds:0} s: the shim exits")]
    public static partial void Abandoned(ILogger log, double seconds);

    [LoggerMessage(1207, LogLevel.Information,
        "ignoring an OOM event of the guest for unknown container {Container}, and further ones")]
    public static partial void UnknownOutOfMemory(ILogger log, ContainerId container);

    [LoggerMessage(1209, LogLevel.Warning,
        "cannot read the pod's network, retrying in {Seconds:0} s: {Reason}")]
    public static partial void NetworkNotSeen(ILogger log, double seconds, string reason);

    [LoggerMessage(1210, LogLevel.Information, "the guest may still hold {Place}, which the host unmounted: {Reason}")]
    public static partial void NotLetGo(ILogger log, GuestPath place, string reason);
}
