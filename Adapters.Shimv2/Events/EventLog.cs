using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>Event ids 2100 to 2199.</summary>
internal static partial class EventLog
{
    [LoggerMessage(2100, LogLevel.Warning, "event {Topic} is given up: {Reason}")]
    public static partial void Dropped(ILogger log, string topic, string reason);

    [LoggerMessage(2101, LogLevel.Warning, "event {Topic} waits for the daemon: {Reason}")]
    public static partial void Retrying(ILogger log, string topic, string reason);

    [LoggerMessage(2102, LogLevel.Warning, "{Count} events were not delivered")]
    public static partial void LeftBehind(ILogger log, int count);

    [LoggerMessage(2103, LogLevel.Debug, "event {Topic}")]
    public static partial void NotForwarded(ILogger log, string topic);

    [LoggerMessage(2104, LogLevel.Warning, "the oom file of {Bundle} cannot be written")]
    public static partial void NoOomFile(ILogger log, string bundle, Exception fault);
}
