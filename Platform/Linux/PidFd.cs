using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>A process that cannot be mistaken for a later one with the same pid.</summary>
public sealed class PidFd : SafeHandleMinusOneIsInvalid
{
    private const int P_PIDFD = 3;

    private PidFd(int descriptor, int processId)
        : base(ownsHandle: true)
    {
        SetHandle(descriptor);
        ProcessId = processId;
    }

    public int ProcessId { get; }

    /// <summary>Throws <see cref="LinuxException"/> with ESRCH if there is no such process.</summary>
    public static PidFd Open(int processId) =>
        new(
            (int)LinuxException.Check(
                (long)Libc.syscall(SyscallNumber.PidfdOpen, processId, 0, 0, 0, 0), "pidfd_open",
                $"pid {processId}"), processId);

    /// <summary>The process, or null if there is none with this pid.</summary>
    public static PidFd? TryOpen(int processId)
    {
        if (processId <= 0)
            return null;
        var descriptor = (int)Libc.syscall(SyscallNumber.PidfdOpen, processId, 0, 0, 0, 0);
        if (descriptor >= 0)
            return new PidFd(descriptor, processId);
        return LinuxException.LastErrno == Errno.ESRCH
            ? null
            : throw LinuxException.Last("pidfd_open", $"pid {processId}");
    }

    /// <summary>The process of this pid if it is still the one that started at <paramref name="startTime"/>.</summary>
    public static PidFd? TryOpen(int processId, long startTime)
    {
        var process = TryOpen(processId);
        if (process is null || ProcFs.StartTime(processId) == startTime)
            return process;
        process.Dispose();
        return null;
    }

    /// <summary>False if the process is gone already.</summary>
    public bool SendSignal(int signal)
    {
        var held = false;
        DangerousAddRef(ref held);
        try
        {
            if (Libc.syscall(SyscallNumber.PidfdSendSignal, handle, signal, 0, 0, 0) >= 0)
                return true;
            return LinuxException.LastErrno == Errno.ESRCH
                ? false
                : throw LinuxException.Last("pidfd_send_signal", $"pid {ProcessId}");
        }
        finally
        {
            DangerousRelease();
        }
    }

    /// <summary>Completes when the process has ended, whosever child it is.</summary>
    public async Task WaitAsync(CancellationToken cancellation = default) =>
        await Poller.WaitReadableAsync(this, cancellation);

    /// <summary>
    /// Takes the exit status of a child of ours. Null while it runs; <see cref="ProcessExit.Unknown"/> if somebody else
    /// took it.
    /// </summary>
    internal ProcessExit? TryReap()
    {
        var held = false;
        DangerousAddRef(ref held);
        try
        {
            return WaitStatus.Take(P_PIDFD, (int)handle, WaitStatus.WEXITED | WaitStatus.WNOHANG, out var exit) switch
            {
                Errno.None => exit?.Exit,
                Errno.ECHILD => ProcessExit.Unknown,
                var errno => throw new LinuxException(errno, "waitid", $"pid {ProcessId}"),
            };
        }
        finally
        {
            DangerousRelease();
        }
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            Poller.EndWaits(this);
    }

    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}
