namespace Kata.Apps.Agent;

/// <summary>What the kernel command line (or, in tests, the program's arguments) told the agent.</summary>
internal sealed record AgentOptions
{
    /// <summary>The port of the agent protocol; fixed by the contract between host and guest.</summary>
    public const uint AgentPort = 1024;

    public AgentLogLevel LogLevel { get; init; } = AgentLogLevel.Info;
    public bool DebugConsole { get; init; }

    /// <summary>0 means that the debug console runs on the guest's console, as in upstream's agent.</summary>
    public uint DebugConsolePort { get; init; }

    public uint LogPort { get; init; }
    public uint ServerPort { get; init; } = AgentPort;

    /// <summary>Set when the server shall listen on a unix socket instead of the machine's channels.</summary>
    public string? UnixSocket { get; init; }

    /// <summary>Bytes; 0 leaves the kernel's default of 64 KiB.</summary>
    public int ContainerPipeSize { get; init; }

    /// <summary>
    /// How long a device may take that the host has hot-plugged. Ten machines that start at once share their
    /// processors.
    /// </summary>
    public TimeSpan HotplugTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// What could not be understood: printed once the log is open. A typing error must not stop a machine.
    /// </summary>
    public IReadOnlyList<string> Complaints { get; init; } = [];
}

/// <summary>In order of weight; a line is written when its level is at least the chosen one.</summary>
internal enum AgentLogLevel
{
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}
