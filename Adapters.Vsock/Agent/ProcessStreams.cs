using System.Collections.Concurrent;
using Kata.Core.Domain.Containers;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>
/// Which output streams of which processes have ended. An agent that throws away unread output when it is asked for
/// the exit code is asked only after this.
/// </summary>
internal sealed class ProcessStreams
{
    private readonly ConcurrentDictionary<ProcessRef, Open> _processes = new();

    /// <summary>A process begins: two streams, or one if it has a terminal.</summary>
    public void Begin(ProcessRef process, bool terminal) => _processes[process] = new Open(terminal);

    /// <summary>True for a process that is known to have a terminal, and so no second stream.</summary>
    public bool HasTerminal(ProcessRef process) => _processes.TryGetValue(process, out var open) && open.Terminal;

    /// <summary>The reader of a stream has seen its end, or cannot see any more.</summary>
    public void End(ProcessRef process, GuestStream stream)
    {
        if (_processes.TryGetValue(process, out var open))
            open.End(stream);
    }

    /// <summary>Completes when all streams of a process have ended; at once for one that is not known.</summary>
    public Task AllEndedAsync(ProcessRef process) =>
        _processes.TryGetValue(process, out var open) ? open.Ended : Task.CompletedTask;

    /// <summary>A process is over.</summary>
    public void Forget(ProcessRef process) => _processes.TryRemove(process, out _);

    /// <summary>A container is gone, with all its processes.</summary>
    public void Forget(ContainerId container)
    {
        foreach (var process in _processes.Keys)
        {
            if (process.Container == container && _processes.TryRemove(process, out var open))
                open.EndAll();
        }
    }

    private sealed class Open(bool terminal)
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _gate = new();
        private bool _stdout;
        private bool _stderr = terminal;

        public bool Terminal { get; } = terminal;

        public Task Ended => _ended.Task;

        public void End(GuestStream stream)
        {
            lock (_gate)
            {
                if (stream == GuestStream.Stdout)
                    _stdout = true;
                else
                    _stderr = true;
                if (!_stdout || !_stderr)
                    return;
            }

            _ended.TrySetResult();
        }

        public void EndAll() => _ended.TrySetResult();
    }
}
