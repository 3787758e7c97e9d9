using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>Event ids 2000 to 2099.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(2000, LogLevel.Information, "shim {Version} serves as process {Pid}")]
    public static partial void Serving(ILogger log, string version, int pid);

    [LoggerMessage(2001, LogLevel.Information, "shim ends")]
    public static partial void Ending(ILogger log);

    [LoggerMessage(2002, LogLevel.Error, "{Method} failed by a fault of ours")]
    public static partial void Broke(ILogger log, string method, Exception fault);

    [LoggerMessage(2003, LogLevel.Information, "{Signal} received: the sandbox is stopped, then the shim")]
    public static partial void Signalled(ILogger log, string signal);

    [LoggerMessage(2004, LogLevel.Error, "work in the background failed by a fault of ours")]
    public static partial void Unobserved(ILogger log, Exception fault);
}
