using Kata.Core.Application.Ports;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;

namespace Kata.Core.Application.State;

/// <summary>The open handles of a process: its streams, its turn, its waiters.</summary>
internal sealed class LiveProcess(ProcessRef reference, IStdioPipes pipes, OciProcess? execSpec, TimeProvider time)
{
    private readonly TaskCompletionSource<ExitStatus> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ProcessRef Ref { get; } = reference;

    public IStdioPipes Pipes { get; } = pipes;

    /// <summary>What an exec runs; null for an init.</summary>
    public OciProcess? ExecSpec { get; } = execSpec;

    public ProcessGate Gate { get; } = new(reference, time);

    /// <summary>The copying of its output; null until it is started.</summary>
    public IProcessOutput? Output { get; set; }

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

/// <summary>The output of a process while it is copied to the client.</summary>
internal interface IProcessOutput : IAsyncDisposable
{
    /// <summary>Completes when all output has been taken, or the copying was broken off; never faults.</summary>
    Task Ended { get; }

    /// <summary>Waits for the end of the output, at most as long as the token allows.</summary>
    Task DrainAsync(CancellationToken ct);
}
