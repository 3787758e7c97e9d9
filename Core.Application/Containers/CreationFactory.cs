using Kata.Core.Application.Creation;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Containers;

/// <summary>Makes what every creation of a container needs: its clock, its limits, its way back.</summary>
internal sealed class CreationFactory(
    LiveSandbox sandbox, ISandboxStore store, TimeProvider time, ILogger<CreationFactory> log)
{
    /// <summary>A timeline that is also written to the state directory, for those who look later.</summary>
    public PhaseTimeline CreateTimeline(ContainerId container) => new(
        time, (phase, isEnd, since) => store.WritePhase(sandbox.Id, container, phase, isEnd, since));

    /// <summary>What may end a creation early.</summary>
    public CreationLimits CreateLimits(CancellationToken caller) => new(sandbox, time, caller);

    /// <summary>Steps back.</summary>
    public UndoStack CreateUndo() => new(time, e => BootLog.NotUndone(log, e.Message));

    /// <summary>The init of the container.</summary>
    public LiveProcess CreateInit(ProcessRef reference, IStdioPipes pipes) => new(reference, pipes, null, time);
}
