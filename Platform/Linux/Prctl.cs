using System.Text;

namespace Kata.Platform.Linux;

/// <summary>The parts of <c>prctl(2)</c> needed here. All but the subreaper concern the calling thread.</summary>
public static class Prctl
{
    private const int PR_SET_PDEATHSIG = 1;
    private const int PR_SET_NAME = 15;
    private const int PR_SET_CHILD_SUBREAPER = 36;

    /// <summary>The signal this process gets when the thread that spawned it ends.</summary>
    public static void SetParentDeathSignal(int signal) =>
        LinuxException.Check(Libc.prctl(PR_SET_PDEATHSIG, (nuint)signal, 0, 0, 0), "prctl", "PR_SET_PDEATHSIG");

    /// <summary>Orphans below this process become its children, as they do for PID 1.</summary>
    public static void SetChildSubreaper(bool enabled = true) =>
        LinuxException.Check(Libc.prctl(PR_SET_CHILD_SUBREAPER, enabled ? 1u : 0u, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");

    /// <summary>Names the calling thread; the kernel keeps 15 bytes.</summary>
    public static unsafe void SetName(string name)
    {
        Span<byte> bytes = stackalloc byte[16];
        Encoding.UTF8.TryGetBytes(name, bytes[..15], out _);
        // SAFETY: 16 bytes on the stack, the last one zero.
        fixed (byte* pointer = bytes)
            LinuxException.Check(Libc.prctl(PR_SET_NAME, (nuint)pointer, 0, 0, 0), "prctl", "PR_SET_NAME");
    }
}
