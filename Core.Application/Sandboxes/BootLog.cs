using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Event ids 1150 to 1169.</summary>
internal static partial class BootLog
{
    [LoggerMessage(1150, LogLevel.Information, "machine launched as process {Pid}: {Choices}")]
    public static partial void Launched(ILogger log, int pid, string choices);

    [LoggerMessage(1159, LogLevel.Information, "files are served by {Daemon}, with which {Lacks}")]
    public static partial void FilesLack(ILogger log, string daemon, string lacks);

    [LoggerMessage(1151, LogLevel.Information, "sandbox {Sandbox} is ready after {Milliseconds:0} ms: {Phases}")]
    public static partial void Ready(ILogger log, SandboxId sandbox, double milliseconds, string phases);

    [LoggerMessage(1152, LogLevel.Error, "{Failure}")]
    public static partial void Failed(ILogger log, string failure);

    [LoggerMessage(1153, LogLevel.Error, "the failed start left behind: {What}")]
    public static partial void NotUndone(ILogger log, string what);

    [LoggerMessage(1154, LogLevel.Warning, "the machine is lost: {Reason}; guest console: {Console}")]
    public static partial void Lost(ILogger log, string reason, string console);

    [LoggerMessage(1155, LogLevel.Information, "sandbox {Sandbox} is stopped after {Milliseconds:0} ms")]
    public static partial void Stopped(ILogger log, SandboxId sandbox, double milliseconds);

    [LoggerMessage(1156, LogLevel.Warning, "watching for out-of-memory events has ended: {Reason}")]
    public static partial void OomWatchEnded(ILogger log, string reason);

    [LoggerMessage(1158, LogLevel.Warning,
        "a {Stage} hook of container {Container} failed and is passed over: {Reason}")]
    public static partial void HookFailed(ILogger log, string stage, string container, string reason);

    [LoggerMessage(1161, LogLevel.Warning, "container {Container} does not get: {What}")]
    public static partial void LeftOut(ILogger log, string container, string what);

    [LoggerMessage(1162, LogLevel.Warning,
        "container {Container} is to have the host's namespaces ({Namespaces}) and gets its machine's: "
        + "the host's cannot be shared with a machine")]
    public static partial void NotTheHosts(ILogger log, string container, string namespaces);

    [LoggerMessage(1160, LogLevel.Warning,
        "what container {Container} has in the guest is left to the end of its machine: {Reason}")]
    public static partial void LeftToTheMachine(ILogger log, ContainerId container, string reason);

    [LoggerMessage(1157, LogLevel.Warning, "the state of the sandbox could not be written: {Reason}")]
    public static partial void NotRecorded(ILogger log, string reason);
}
