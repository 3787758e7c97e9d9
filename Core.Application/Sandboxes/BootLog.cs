using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Event ids 1150 to 1169.</summary>
internal static partial class BootLog
{
    [LoggerMessage(1150, LogLevel.Information, "VMM launched, pid {Pid}: {Choices}")]
    public static partial void Launched(ILogger log, int pid, string choices);

    [LoggerMessage(1159, LogLevel.Information, "virtio-fs is served by {Daemon}, with which {Lacks}")]
    public static partial void FilesLack(ILogger log, string daemon, string lacks);

    [LoggerMessage(1151, LogLevel.Information, "sandbox {Sandbox} is ready after {Milliseconds:0} ms: {Phases}")]
    public static partial void Ready(ILogger log, SandboxId sandbox, double milliseconds, string phases);

    [LoggerMessage(1152, LogLevel.Error, "{Failure}")]
    public static partial void Failed(ILogger log, string failure);

    [LoggerMessage(1153, LogLevel.Error, "the failed start did not release: {What}")]
    public static partial void NotUndone(ILogger log, string what);

    [LoggerMessage(1154, LogLevel.Warning, "the VM is lost: {Reason}; guest console: {Console}")]
    public static partial void Lost(ILogger log, string reason, string console);

    [LoggerMessage(1155, LogLevel.Information, "sandbox {Sandbox} stopped after {Milliseconds:0} ms")]
    public static partial void Stopped(ILogger log, SandboxId sandbox, double milliseconds);

    [LoggerMessage(1156, LogLevel.Warning, "the watch for OOM events has ended: {Reason}")]
    public static partial void OomWatchEnded(ILogger log, string reason);

    [LoggerMessage(1158, LogLevel.Warning,
        "ignoring the failure of a {Stage} hook of container {Container}: {Reason}")]
    public static partial void HookFailed(ILogger log, string stage, string container, string reason);

    [LoggerMessage(1161, LogLevel.Warning, "not passed to container {Container}: {What}")]
    public static partial void LeftOut(ILogger log, string container, string what);

    [LoggerMessage(1162, LogLevel.Warning,
        "container {Container} is to have the host's namespaces ({Namespaces}) and gets its machine's: "
        + "the host's cannot be shared with a machine")]
    public static partial void NotTheHosts(ILogger log, string container, string namespaces);

    [LoggerMessage(1160, LogLevel.Warning,
        "the guest did not remove container {Container}; the end of its VM will: {Reason}")]
    public static partial void LeftToTheMachine(ILogger log, ContainerId container, string reason);

    [LoggerMessage(1157, LogLevel.Warning, "cannot write the state of the sandbox: {Reason}")]
    public static partial void NotRecorded(ILogger log, string reason);
}
