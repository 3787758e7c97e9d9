using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary><c>waitid(2)</c> and what it says.</summary>
internal static class WaitStatus
{
    internal const int P_ALL = 0;
    internal const int P_PID = 1;
    internal const int WNOHANG = 1;
    internal const int WEXITED = 4;
    internal const int WNOWAIT = 0x1000000;

    private const int CLD_EXITED = 1;
    private const int SizeOfSiginfo = 128;

    /// <summary>Null in <paramref name="found"/> with no error means that no such child has ended yet.</summary>
    internal static unsafe Errno Take(int idType, int id, int options, out (int ProcessId, ProcessExit Exit)? found)
    {
        found = null;
        var info = stackalloc byte[SizeOfSiginfo];
        while (true)
        {
            // SAFETY: siginfo_t is 128 bytes on 64-bit targets; zeroed, so that "nothing yet" reads as pid 0.
            new Span<byte>(info, SizeOfSiginfo).Clear();
            if (Libc.waitid(idType, id, info, options) == 0)
                break;
            if (LinuxException.LastErrno != Errno.EINTR)
                return LinuxException.LastErrno;
        }
        var fields = MemoryMarshal.Cast<byte, int>(new ReadOnlySpan<byte>(info, SizeOfSiginfo));
        var (code, processId, status) = (fields[2], fields[4], fields[6]);
        if (processId != 0)
            found = (processId, code == CLD_EXITED ? new ProcessExit(status, 0) : new ProcessExit(0, status));
        return Errno.None;
    }
}
