using Kata.Core.Domain;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Messaging;

/// <summary>Event ids 1000 to 1099.</summary>
internal static partial class RequestLog
{
    [LoggerMessage(1000, LogLevel.Debug, "{Request} entered")]
    public static partial void Entered(ILogger log, string request);

    [LoggerMessage(1001, LogLevel.Debug, "{Request} done after {Milliseconds:0.0} ms")]
    public static partial void Left(ILogger log, string request, double milliseconds);

    [LoggerMessage(1002, LogLevel.Information, "{Request} refused after {Milliseconds:0.0} ms: {Kind}: {Reason}")]
    public static partial void Refused(ILogger log, string request, double milliseconds, ErrorKind kind, string reason);

    [LoggerMessage(1003, LogLevel.Debug, "{Request} abandoned by its caller after {Milliseconds:0.0} ms")]
    public static partial void Abandoned(ILogger log, string request, double milliseconds);

    [LoggerMessage(1004, LogLevel.Error, "internal error in {Request} (a bug)")]
    public static partial void Broke(ILogger log, string request, Exception fault);

    [LoggerMessage(1005, LogLevel.Error, "an event handler failed (a bug)")]
    public static partial void ReactionFailed(ILogger log, Exception fault);
}
