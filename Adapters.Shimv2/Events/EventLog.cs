using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>Event ids 2100 to 2199.</summary>
internal static partial class EventLog
{
    [LoggerMessage(2100, LogLevel.Warning, "dropped event {Topic}: {Reason}")]
    public static partial void Dropped(ILogger log, string topic, string reason);

    [LoggerMessage(2101, LogLevel.Warning, "containerd is unavailable, retrying event {Topic}: {Reason}")]
    public static partial void Retrying(ILogger log, string topic, string reason);

    [LoggerMessage(2102, LogLevel.Warning, "{Count} events were not delivered")]
    public static partial void LeftBehind(ILogger log, int count);

    [LoggerMessage(2103, LogLevel.Debug, "event {Topic}")]
    public static partial void NotForwarded(ILogger log, string topic);

    [LoggerMessage(2104, LogLevel.Warning, "cannot write the oom file of {Bundle}")]
    public static partial void NoOomFile(ILogger log, string bundle, Exception fault);
}
