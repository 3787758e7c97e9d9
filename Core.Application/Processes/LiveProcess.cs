using Kata.Core.Application.Monitoring;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;

namespace Kata.Core.Application.Processes;

/// <summary>The open handles of a process: its streams, its turn, its waiters.</summary>
internal sealed class LiveProcess(ProcessRef reference, IStdioPipes pipes, OciProcess? execSpec, TimeProvider time)
{
    private readonly TaskCompletionSource<ExitStatus> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ProcessRef Ref { get; } = reference;

    public IStdioPipes Pipes { get; } = pipes;

    /// <summary>What an exec runs; null for an init.</summary>
    public OciProcess? ExecSpec { get; } = execSpec;

    public ProcessGate Gate { get; } = new(reference, time);

    /// <summary>Present from the start on.</summary>
    public ProcessWatcher? Watcher { get; set; }

    /// <summary>
    /// The guest has been asked to run it: from here on whoever starts it, and then its watcher, ends the outputs.
    /// </summary>
    public bool IsStarting { get; set; }

    /// <summary>Completes when the exit has been recorded.</summary>
    public Task<ExitStatus> Exited => _exited.Task;

    /// <summary>
    /// Lets the waiters go; the first call wins. The client of a process that never ran sees the end of its outputs:
    /// some wait for that before they delete, and nobody else would tell them.
    /// </summary>
    public void CompleteExit(ExitStatus exit)
    {
        if (_exited.TrySetResult(exit) && !IsStarting)
            EndOutputs();
    }

    /// <summary>The client sees the end of both outputs. Idempotent.</summary>
    public void EndOutputs()
    {
        Pipes.CloseOutput(GuestStream.Stdout);
        Pipes.CloseOutput(GuestStream.Stderr);
    }
}
