using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>A system call the kernel refused: which one, on what, and why.</summary>
public sealed class LinuxException : IOException
{
    public LinuxException(Errno errno, string call, string subject)
        : base($"{call} {subject}: {Marshal.GetPInvokeErrorMessage((int)errno)} ({errno})", (int)errno)
    {
        Errno = errno;
        Call = call;
        Subject = subject;
    }

    public Errno Errno { get; }

    /// <summary>The call's name as in its manual page.</summary>
    public string Call { get; }

    /// <summary>What the call was made on: a path, a pid, an address.</summary>
    public string Subject { get; }

    /// <summary>A matter of rights.</summary>
    public bool IsRefusal => Errno.IsRefusal();

    /// <summary>Memory, descriptors, processes, disk space or a quota has run out.</summary>
    /// <remarks>EAGAIN is the answer of a limit on processes; from any other call it means that there is nothing
    /// yet.</remarks>
    public bool IsExhaustion => Errno.IsExhaustion() || (Errno == Errno.EAGAIN && Call == "posix_spawn");

    /// <summary>The error of the system call made last on this thread.</summary>
    internal static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    internal static LinuxException Last(string call, string subject) => new(LastErrno, call, subject);

    /// <summary>Throws if <paramref name="result"/> is negative, else returns it.</summary>
    internal static int Check(int result, string call, string subject) =>
        result < 0 ? throw Last(call, subject) : result;

    internal static long Check(long result, string call, string subject) =>
        result < 0 ? throw Last(call, subject) : result;
}
