using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Processes;

/// <summary>
/// A process that crun made and left to us. It may have ended before we hear of it; its exit status is told all the
/// same.
/// </summary>
internal sealed class AdoptedChild
{
    private readonly PidFd? _pidFd;
    private readonly Lock _gate = new();

    private AdoptedChild(int processId, PidFd? pidFd, Task<ProcessExit> exited)
    {
        ProcessId = processId;
        _pidFd = pidFd;
        Exited = WatchAsync(exited);
    }

    public int ProcessId { get; }

    /// <summary>Completes once it has ended and has been reaped. Never fails.</summary>
    public Task<ProcessExit> Exited { get; }

    /// <param name="processId">Of a process whose parent has ended or is about to.</param>
    public static AdoptedChild Adopt(ChildReaper reaper, int processId)
    {
        var pidFd = PidFd.TryOpen(processId);
        return new AdoptedChild(processId, pidFd, reaper.AdoptAsync(processId));
    }

    /// <summary>False if it has ended.</summary>
    public bool Signal(int signal)
    {
        // Under the lock, so that a pidfd just closed after the exit is not used.
        lock (_gate)
        {
            return _pidFd is { IsClosed: false } && _pidFd.SendSignal(signal);
        }
    }

    private async Task<ProcessExit> WatchAsync(Task<ProcessExit> exited)
    {
        var exit = await exited;
        lock (_gate)
        {
            _pidFd?.Dispose();
        }

        return exit;
    }
}
