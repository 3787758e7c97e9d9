namespace Kata.Core.Application.Settings;

/// <summary>The settings of the agent section.</summary>
public sealed record GuestSettings
{
    /// <summary>Key <c>dial_timeout</c>: from the VMM's start to the agent's first answer.</summary>
    public TimeSpan DialTimeout { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>Key <c>kernel_modules</c>.</summary>
    public IReadOnlyList<string> KernelModules { get; init; } = [];

    /// <summary>Key <c>debug_console_enabled</c>.</summary>
    public bool DebugConsole { get; init; }

    /// <summary>Key <c>enable_debug</c>.</summary>
    public bool Debug { get; init; }
}
