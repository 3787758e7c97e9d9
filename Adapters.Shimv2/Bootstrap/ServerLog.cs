using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>Event ids 2000 to 2099.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(2000, LogLevel.Information, "shim {Version} listens, pid {Pid}")]
    public static partial void Serving(ILogger log, string version, int pid);

    [LoggerMessage(2001, LogLevel.Information, "shim exits")]
    public static partial void Ending(ILogger log);

    [LoggerMessage(2002, LogLevel.Error, "internal error in {Method} (a bug)")]
    public static partial void Broke(ILogger log, string method, Exception fault);

    [LoggerMessage(2003, LogLevel.Information, "{Signal} received: stopping the sandbox, then the shim")]
    public static partial void Signalled(ILogger log, string signal);

    [LoggerMessage(2004, LogLevel.Error, "internal error in a background task (a bug)")]
    public static partial void Unobserved(ILogger log, Exception fault);
}
