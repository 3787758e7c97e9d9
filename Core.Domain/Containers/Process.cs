namespace Kata.Core.Domain.Containers;

/// <summary>A process of a container: its init, or an exec. Only its <see cref="Container"/> changes it.</summary>
public sealed class Process
{
    internal Process(ProcessRef reference, Stdio stdio)
    {
        Ref = reference;
        Stdio = stdio;
    }

    /// <summary>Which process this is.</summary>
    public ProcessRef Ref { get; }

    /// <summary>Where its streams go.</summary>
    public Stdio Stdio { get; }

    /// <summary>Where it is in its life.</summary>
    public ProcessState State { get; internal set; }

    /// <summary>How it ended; null while it has not.</summary>
    public ExitStatus? Exit { get; internal set; }

    /// <summary>A terminal size asked for before the process ran; it is applied at its start.</summary>
    public TerminalSize? WantedSize { get; internal set; }
}
