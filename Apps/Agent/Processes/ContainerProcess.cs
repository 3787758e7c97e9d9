using Kata.Apps.Agent.Stdio;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Processes;

/// <summary>
/// A process of a container: the init or an exec. It stays known after its end until its exit status was taken and its
/// output read to the end, or the container goes.
/// </summary>
internal sealed class ContainerProcess : IDisposable
{
    private readonly AdoptedChild _child;
    private readonly ProcessPipes _streams;

    public ContainerProcess(string execId, AdoptedChild child, ProcessPipes streams)
    {
        ExecId = execId;
        _child = child;
        _streams = streams;
    }

    public string ExecId { get; }

    public int ProcessId => _child.ProcessId;

    public ProcessPipes Streams => _streams;

    public bool HasExited => _child.Exited.IsCompleted;

    public Task<ProcessExit> Exited => _child.Exited;

    /// <summary>Set once somebody has been given the exit status; for everybody else the process is gone.</summary>
    public bool StatusTaken { get; set; }

    /// <summary>Nothing is left that a host could still ask for.</summary>
    public bool IsSpent => StatusTaken && _streams.Drained;

    /// <summary>False if it has ended.</summary>
    public bool Signal(int signal) => _child.Signal(signal);

    public void Dispose() => _streams.Dispose();
}
