using System.Globalization;
using System.Runtime.InteropServices;

namespace Kata.Platform.Linux;

/// <summary>Signal numbers, alike on x86-64 and arm64, and what this process does on them.</summary>
/// <remarks>To handle a signal use <see cref="PosixSignalRegistration"/>.</remarks>
public static class Signals
{
    public const int SIGHUP = 1;
    public const int SIGINT = 2;
    public const int SIGQUIT = 3;
    public const int SIGABRT = 6;
    public const int SIGKILL = 9;
    public const int SIGUSR1 = 10;
    public const int SIGUSR2 = 12;
    public const int SIGPIPE = 13;
    public const int SIGALRM = 14;
    public const int SIGTERM = 15;
    public const int SIGCHLD = 17;
    public const int SIGCONT = 18;
    public const int SIGSTOP = 19;
    public const int SIGTSTP = 20;
    public const int SIGWINCH = 28;

    /// <summary>SIGRTMIN and SIGRTMAX as the kernel counts after the C library took its two.</summary>
    public const int SIGRTMIN = 34;
    public const int SIGRTMAX = 64;

    private const int SIG_SETMASK = 2;
    private const int SizeOfSigaction = 152;
    private const int SizeOfSigset = 128;
    private const nint SIG_DFL = 0;
    private const nint SIG_IGN = 1;

    private static readonly string[] Names =
    [
        "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM",
        "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
        "IO", "PWR", "SYS",
    ];

    /// <summary>A number, or a name in any case with or without SIG, also RTMIN+n and RTMAX-n.</summary>
    public static bool TryParse(string text, out int signal)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out signal))
            return signal is >= 1 and <= SIGRTMAX;
        var name = text.ToUpperInvariant();
        if (name.StartsWith("SIG", StringComparison.Ordinal))
            name = name[3..];
        signal = name switch
        {
            "" => -1,
            "IOT" => SIGABRT,
            "CLD" => SIGCHLD,
            "POLL" => 29,
            "RTMIN" => SIGRTMIN,
            "RTMAX" => SIGRTMAX,
            _ when name.StartsWith("RTMIN+", StringComparison.Ordinal) => Offset(name[6..], SIGRTMIN, 1),
            _ when name.StartsWith("RTMAX-", StringComparison.Ordinal) => Offset(name[6..], SIGRTMAX, -1),
            _ => Array.IndexOf(Names, name),
        };
        return signal > 0;
    }

    /// <summary>The name with SIG, or the number where there is none.</summary>
    public static string Name(int signal) =>
        signal > 0 && signal < Names.Length ? "SIG" + Names[signal] : signal.ToString(CultureInfo.InvariantCulture);

    public static void Ignore(int signal) => SetDisposition(signal, SIG_IGN);

    public static void SetDefault(int signal) => SetDisposition(signal, SIG_DFL);

    public static bool IsIgnored(int signal) => Disposition(signal) == SIG_IGN;

    /// <summary>
    /// To a process by its pid. Prefer <see cref="PidFd"/>; this is for groups (negative) and what has no pidfd. False
    /// if there is none.
    /// </summary>
    public static bool Kill(int processId, int signal)
    {
        if (Libc.kill(processId, signal) == 0)
            return true;
        return LinuxException.LastErrno == Errno.ESRCH ? false : throw LinuxException.Last("kill", $"pid {processId}");
    }

    /// <summary>
    /// Ignored signals stay ignored across exec and the runtime ignores some; a program expects none.
    /// </summary>
    internal static unsafe void ResetForExec()
    {
        for (var signal = 1; signal <= SIGRTMAX; signal++)
        {
            if (Disposition(signal) == SIG_IGN)
                SetDisposition(signal, SIG_DFL);
        }
        // SAFETY: sigset_t is 128 bytes.
        var none = stackalloc byte[SizeOfSigset];
        new Span<byte>(none, SizeOfSigset).Clear();
        _ = Libc.pthread_sigmask(SIG_SETMASK, none, null);
    }

    private static int Offset(string digits, int start, int sign)
    {
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            || offset > SIGRTMAX - SIGRTMIN)
            return -1;
        return start + (sign * offset);
    }

    private static unsafe nint Disposition(int signal)
    {
        // SAFETY: struct sigaction is 152 bytes on both targets and begins with the handler.
        var action = stackalloc byte[SizeOfSigaction];
        return Libc.sigaction(signal, null, action) == 0 ? *(nint*)action : SIG_DFL;
    }

    private static unsafe void SetDisposition(int signal, nint handler)
    {
        // SAFETY: as above; zeroed, so no flags and an empty mask.
        var action = stackalloc byte[SizeOfSigaction];
        new Span<byte>(action, SizeOfSigaction).Clear();
        *(nint*)action = handler;
        LinuxException.Check(Libc.sigaction(signal, action, null), "sigaction", Name(signal));
    }
}
