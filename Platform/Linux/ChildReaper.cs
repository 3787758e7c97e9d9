namespace Kata.Platform.Linux;

/// <summary>
/// Reaps for PID 1 or a subreaper: orphans that came to us. Children spawned here are left to their
/// <see cref="SpawnedProcess"/>; an orphan somebody <see cref="AdoptAsync">adopted</see> gets its exit status told.
/// </summary>
public sealed class ChildReaper : IDisposable
{
    /// <summary>An orphan may end before anybody learns its pid; so many such ends are remembered.</summary>
    private const int KeptExits = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, TaskCompletionSource<ProcessExit>> _adopted = [];
    private readonly EndedOrphans _ended = new(KeptExits);
    private volatile bool _disposed;

    private ChildReaper()
    {
    }

    /// <summary>Starts reaping. One per process.</summary>
    public static ChildReaper Start()
    {
        var reaper = new ChildReaper();
        new Thread(reaper.Run, 256 * 1024) { IsBackground = true, Name = "reaper" }.UnsafeStart();
        return reaper;
    }

    /// <summary>
    /// The exit of an orphan, or orphan-to-be: a process whose parent is about to end and leave it to us. If it has
    /// ended already, that end is told, once.
    /// </summary>
    public Task<ProcessExit> AdoptAsync(int processId)
    {
        lock (_gate)
        {
            // If a process with this pid exists, the remembered end was another's.
            if (_ended.Take(processId) is { } exit && !Exists(processId))
                return Task.FromResult(exit);
            if (!_adopted.TryGetValue(processId, out var waiting))
                _adopted[processId] = waiting = new TaskCompletionSource<ProcessExit>(
                    TaskCreationOptions.RunContinuationsAsynchronously);
            return waiting.Task;
        }
    }

    public void Dispose() => _disposed = true;

    /// <summary>
    /// A thread in waitid, not a handler of SIGCHLD: once one is registered, the runtime of PID 1 takes every child's
    /// status itself.
    /// </summary>
    private void Run()
    {
        while (!_disposed)
        {
            if (WaitStatus.Take(WaitStatus.P_ALL, 0, WaitStatus.WEXITED | WaitStatus.WNOWAIT, out _) == Errno.ECHILD)
                ProcessSpawner.Spawned.WaitOne();
            else if (!_disposed)
                Drain();
        }
    }

    /// <summary>Takes every ended child there is.</summary>
    internal void Drain()
    {
        lock (_gate)
        {
            while (TakeOne())
            {
            }
        }
    }

    private static bool Exists(int processId)
    {
        using var process = PidFd.TryOpen(processId);
        return process is not null;
    }

    private bool TakeOne()
    {
        // While a child is being spawned it is not listed yet and would be taken for an orphan.
        lock (ProcessSpawner.Spawning)
        {
            if (WaitStatus.Take(WaitStatus.P_ALL, 0, WaitStatus.WEXITED | WaitStatus.WNOHANG | WaitStatus.WNOWAIT,
                out var peeked) != Errno.None
                || peeked is not { } ended)
                return false;
            // The kernel shows the same child until it is reaped, so the owner has to do that now.
            if (ProcessSpawner.TryGet(ended.ProcessId, out var known) && !known!.Exited.IsCompleted)
                return known.TryReap();
            if (WaitStatus.Take(WaitStatus.P_PID, ended.ProcessId, WaitStatus.WEXITED | WaitStatus.WNOHANG,
                out _) == Errno.None)
                Tell(ended.ProcessId, ended.Exit);
            return true;
        }
    }

    private void Tell(int processId, ProcessExit exit)
    {
        if (_adopted.Remove(processId, out var waiting))
        {
            waiting.SetResult(exit);
            return;
        }
        _ended.Add(processId, exit);
    }
}
