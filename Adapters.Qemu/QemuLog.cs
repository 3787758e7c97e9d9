using Kata.Core.Domain.Sandboxes;
using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Qemu;

/// <summary>Event ids 4000 to 4099.</summary>
internal static partial class QemuLog
{
    [LoggerMessage(4000, LogLevel.Information,
        "QEMU {Version} of sandbox {Sandbox} is up after {Elapsed}, pid {ProcessId}: {Choices}")]
    public static partial void Launched(
        this ILogger logger, SandboxId sandbox, string version, int processId, TimeSpan elapsed, string choices);

    [LoggerMessage(4001, LogLevel.Warning, "sandbox {Sandbox} runs under TCG, without KVM, and is slow: {Reason}")]
    public static partial void Emulated(this ILogger logger, SandboxId sandbox, string reason);

    [LoggerMessage(4002, LogLevel.Information, "QEMU of sandbox {Sandbox} ended with {End}")]
    public static partial void Ended(this ILogger logger, SandboxId sandbox, string end);

    [LoggerMessage(4003, LogLevel.Debug, "QEMU of sandbox {Sandbox} said: {Line}")]
    public static partial void Said(this ILogger logger, SandboxId sandbox, string line);
}
