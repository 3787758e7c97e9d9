namespace Kata.Platform.Linux;

/// <summary>A child of ours, held by a pidfd until its exit status is taken.</summary>
public sealed class SpawnedProcess : IAsyncDisposable
{
    private readonly PidFd _pidFd;
    private readonly Lock _reaping = new();
    private readonly TaskCompletionSource<ProcessExit> _exited = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _watch;

    internal SpawnedProcess(PidFd pidFd, long startTime)
    {
        _pidFd = pidFd;
        StartTime = startTime;
        _watch = WatchAsync();
    }

    public int ProcessId => _pidFd.ProcessId;

    /// <summary>Field 22 of its <c>/proc/PID/stat</c>; with the pid it names this process and no later one.</summary>
    public long StartTime { get; }

    /// <summary>Completes once it has ended and has been reaped. Fails only if the kernel lets us not wait.</summary>
    public Task<ProcessExit> Exited => _exited.Task;

    /// <summary>False if it has ended.</summary>
    public bool Signal(int signal)
    {
        // Under the lock, so that a pidfd just closed after the exit is not used.
        lock (_reaping)
            return !_exited.Task.IsCompleted && _pidFd.SendSignal(signal);
    }

    /// <summary>
    /// To it and to all of its group, which must be <see cref="SpawnGroup.Own"/>. False if it has ended.
    /// </summary>
    public bool SignalGroup(int signal)
    {
        // Until it is reaped its pid, and so the group's, is nobody else's.
        lock (_reaping)
            return !_exited.Task.IsCompleted && Signals.Kill(-ProcessId, signal);
    }

    /// <summary>Kills it if it still runs and waits for its end.</summary>
    public async ValueTask DisposeAsync()
    {
        Signal(Signals.SIGKILL);
        await _watch;
    }

    /// <summary>Takes the exit status if there is one. True once the process is reaped.</summary>
    internal bool TryReap()
    {
        lock (_reaping)
        {
            if (_exited.Task.IsCompleted)
                return true;
            if (_pidFd.TryReap() is not { } exit)
                return false;
            // In this order: who lists it looks at the result afterwards.
            _exited.SetResult(exit);
            ProcessSpawner.Forget(this);
            return true;
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            do
                await _pidFd.WaitAsync();
            while (!TryReap());
        }
        catch (Exception failure)
        {
            ProcessSpawner.Forget(this);
            _exited.TrySetException(failure);
        }
        finally
        {
            lock (_reaping)
                _pidFd.Dispose();
        }
    }
}
