using Kata.Core.Domain.Containers;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Processes;

/// <summary>Event ids 1220 to 1229.</summary>
internal static partial class ProcessLog
{
    [LoggerMessage(1220, LogLevel.Warning, "waiting for {Process} failed: {Reason}")]
    public static partial void WaitFailed(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1221, LogLevel.Warning, "reading {Stream} of {Process} failed: {Reason}")]
    public static partial void ReadFailed(ILogger log, ProcessRef process, GuestStream stream, string reason);

    [LoggerMessage(1222, LogLevel.Warning, "writing {Stream} of {Process} failed, the rest is dropped: {Reason}")]
    public static partial void WriteFailed(ILogger log, ProcessRef process, GuestStream stream, string reason);

    [LoggerMessage(1223, LogLevel.Debug, "stdin of {Process} closed: {Reason}")]
    public static partial void InputEnded(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1224, LogLevel.Information, "stdio drain of {Process} timed out: output truncated")]
    public static partial void NotDrained(ILogger log, ProcessRef process);

    [LoggerMessage(1225, LogLevel.Debug, "ignoring the exit of {Process}, which is already deleted: {Reason}")]
    public static partial void ReportRefused(ILogger log, ProcessRef process, string reason);

    [LoggerMessage(1226, LogLevel.Warning,
        "{Process} did not exit within {Seconds:0} s of SIGKILL: killing its VM")]
    public static partial void NotKilled(ILogger log, ProcessRef process, double seconds);
}
