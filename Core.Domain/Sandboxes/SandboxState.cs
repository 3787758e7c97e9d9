namespace Kata.Core.Domain.Sandboxes;

/// <summary>Where a sandbox is in its life.</summary>
public enum SandboxState
{
    /// <summary>Nothing has been acquired.</summary>
    New,

    /// <summary>The machine is being made, up to the agent's first answer.</summary>
    Booting,

    /// <summary>The guest agent answers.</summary>
    Ready,

    /// <summary>What was acquired is being released.</summary>
    Stopping,

    /// <summary>Everything has been released.</summary>
    Stopped,

    /// <summary>The boot failed, or something could not be released.</summary>
    Broken,
}
