namespace Kata.Platform.Linux;

/// <summary>The parts of <c>prctl(2)</c> needed here. All but the subreaper concern the calling thread.</summary>
public static class Prctl
{
    private const int PR_SET_PDEATHSIG = 1;
    private const int PR_SET_CHILD_SUBREAPER = 36;

    /// <summary>The signal this process gets when the thread that spawned it ends.</summary>
    public static void SetParentDeathSignal(int signal) =>
        LinuxException.Check(Libc.prctl(PR_SET_PDEATHSIG, (nuint)signal, 0, 0, 0), "prctl", "PR_SET_PDEATHSIG");

    /// <summary>Orphans below this process become its children, as they do for PID 1.</summary>
    public static void SetChildSubreaper(bool enabled = true) =>
        LinuxException.Check(
            Libc.prctl(PR_SET_CHILD_SUBREAPER, enabled ? 1u : 0u, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");
}
