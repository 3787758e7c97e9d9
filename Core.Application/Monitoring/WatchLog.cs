using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Monitoring;

/// <summary>Event ids 1200 to 1249.</summary>
internal static partial class WatchLog
{
    [LoggerMessage(1200, LogLevel.Warning, "waiting for {Process} failed: {Reason}")]
    public static partial void WaitFailed(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1201, LogLevel.Warning, "reading {Stream} of {Process} failed: {Reason}")]
    public static partial void ReadFailed(ILogger log, ProcessRef process, GuestStream stream, string reason);

    [LoggerMessage(1202, LogLevel.Warning, "writing {Stream} of {Process} failed, the rest is dropped: {Reason}")]
    public static partial void WriteFailed(ILogger log, ProcessRef process, GuestStream stream, string reason);

    [LoggerMessage(1203, LogLevel.Debug, "stdin of {Process} closed: {Reason}")]
    public static partial void InputEnded(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1204, LogLevel.Information, "stdio drain of {Process} timed out: output truncated")]
    public static partial void NotDrained(ILogger log, ProcessRef process);

    [LoggerMessage(1205, LogLevel.Debug, "ignoring the exit of {Process}, which is already deleted: {Reason}")]
    public static partial void ReportRefused(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1206, LogLevel.Warning, "no container for {Seconds:0} s: the shim exits")]
    public static partial void Abandoned(ILogger log, double seconds);

    [LoggerMessage(1207, LogLevel.Information,
        "ignoring an OOM event of the guest for unknown container {Container}, and further ones")]
    public static partial void UnknownOutOfMemory(ILogger log, ContainerId container);

    [LoggerMessage(1208, LogLevel.Warning,
        "{Process} did not exit within {Seconds:0} s of SIGKILL: killing its VM")]
    public static partial void NotKilled(ILogger log, ProcessRef process, double seconds);

    [LoggerMessage(1209, LogLevel.Warning,
        "cannot read the pod's network, retrying in {Seconds:0} s: {Reason}")]
    public static partial void NetworkNotSeen(ILogger log, double seconds, string reason);

    [LoggerMessage(1210, LogLevel.Information, "the guest may still hold {Place}, which the host unmounted: {Reason}")]
    public static partial void NotLetGo(ILogger log, GuestPath place, string reason);
}
