using System.Globalization;
using Kata.Platform.Linux;

namespace Kata.Apps.Agent.Processes;

/// <summary>
/// Signals to the first process of a pid namespace, from which the kernel keeps those that it does not handle.
/// </summary>
internal static class InitSignals
{
    /// <summary>SIGKILL instead of a SIGTERM that would be lost, else the signal as it is.</summary>
    /// <param name="status">The text of the process's <c>/proc/PID/status</c>, or null if it is gone.</param>
    public static int Effective(int signal, string? status) =>
        signal == Signals.SIGTERM && status is not null && !Knows(status, signal) ? Signals.SIGKILL : signal;

    /// <summary>Whether the process blocks, ignores or catches a signal.</summary>
    private static bool Knows(string status, int signal)
    {
        var bit = 1UL << (signal - 1);
        foreach (var line in status.Split('\n'))
        {
            if ((line.StartsWith("SigBlk:", StringComparison.Ordinal)
                    || line.StartsWith("SigIgn:", StringComparison.Ordinal)
                    || line.StartsWith("SigCgt:", StringComparison.Ordinal))
                && ulong.TryParse(
                    line.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var mask)
                && (mask & bit) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
