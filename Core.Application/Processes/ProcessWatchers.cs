using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Processes;

/// <summary>Begins to watch processes that the guest has started.</summary>
internal sealed class ProcessWatchers(ISender sender, TimeProvider time, ILogger<ProcessWatcher> log)
{
    /// <summary>
    /// Begins, while the start still holds the process's turn: a deletion that comes next finds the output.
    /// </summary>
    public void Watch(LiveProcess process, bool terminal, IGuestAgent agent) =>
        process.Output = new ProcessWatcher(process, terminal, agent, sender, time, log);
}
