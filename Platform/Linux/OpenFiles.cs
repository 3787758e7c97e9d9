namespace Kata.Platform.Linux;

/// <summary>How many descriptors this process may have open.</summary>
public static class OpenFiles
{
    /// <summary>
    /// Raises the limit to what this process may, and beyond that as far as <paramref name="wanted"/> if it is
    /// privileged; never lowers it, never fails.
    /// </summary>
    /// <returns>The limit that holds then.</returns>
    public static ulong Raise(ulong wanted = 0)
    {
        var (soft, hard) = Get();
        foreach (var most in (ulong[])[Math.Max(wanted, hard), hard])
        {
            try
            {
                if (most > soft)
                    Set(most, most);
                return Math.Max(most, soft);
            }
            catch (LinuxException)
            {
                // More than the kernel gives to anybody, or than this process may have.
            }
        }

        return soft;
    }

    internal static unsafe (ulong Soft, ulong Hard) Get()
    {
        // SAFETY: struct rlimit is two 64-bit words.
        var words = stackalloc ulong[2];
        LinuxException.Check(Libc.getrlimit((int)Rlimit.NOFILE, words), "getrlimit", nameof(Rlimit.NOFILE));
        return (words[0], words[1]);
    }

    internal static unsafe void Set(ulong soft, ulong hard)
    {
        // SAFETY: struct rlimit is two 64-bit words.
        var words = stackalloc ulong[2] { soft, hard };
        LinuxException.Check(Libc.setrlimit((int)Rlimit.NOFILE, words), "setrlimit", nameof(Rlimit.NOFILE));
    }
}
