using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Terminals by their descriptors.</summary>
public static class Terminal
{
    private const nuint TIOCSCTTY = 0x540E;
    private const nuint TIOCGWINSZ = 0x5413;
    private const nuint TIOCSWINSZ = 0x5414;
    private const nuint TIOCSPTLCK = 0x40045431;
    private const nuint TIOCGPTPEER = 0x5441;
    private const nuint TCGETS = 0x5401;
    private const nuint TCSETS = 0x5402;

    public static unsafe void SetSize(SafeHandle terminal, ushort rows, ushort columns)
    {
        // SAFETY: struct winsize is four 16-bit words.
        var size = stackalloc ushort[4] { rows, columns, 0, 0 };
        LinuxException.Check(Libc.ioctl(terminal, TIOCSWINSZ, size), "ioctl", "TIOCSWINSZ");
    }

    public static unsafe (ushort Rows, ushort Columns) Size(SafeHandle terminal)
    {
        // SAFETY: as above.
        var size = stackalloc ushort[4];
        LinuxException.Check(Libc.ioctl(terminal, TIOCGWINSZ, size), "ioctl", "TIOCGWINSZ");
        return (size[0], size[1]);
    }

    public static unsafe bool IsTerminal(SafeHandle handle)
    {
        // SAFETY: struct winsize is four 16-bit words; only terminals answer.
        var size = stackalloc ushort[4];
        return Libc.ioctl(handle, TIOCGWINSZ, size) == 0;
    }

    /// <summary>Makes the calling process a session leader if it is none, with this terminal as its controlling one.</summary>
    public static unsafe void SetControlling(SafeHandle terminal)
    {
        // EPERM: it leads a group and so perhaps a session already; the ioctl tells.
        _ = Libc.setsid();
        LinuxException.Check(Libc.ioctl(terminal, TIOCSCTTY, null), "ioctl", "TIOCSCTTY");
    }

    /// <summary>Bytes pass as they are: no echo, no line editing, no signals, no new-line translation.</summary>
    public static unsafe void SetRaw(SafeHandle terminal)
    {
        // SAFETY: the kernel's struct termios is 36 bytes: four 32-bit flag words, line discipline, 19 control characters.
        var state = stackalloc byte[64];
        LinuxException.Check(Libc.ioctl(terminal, TCGETS, state), "ioctl", "TCGETS");
        var flags = (uint*)state;
        flags[0] &= ~0x5EBu;
        flags[1] &= ~0x1u;
        flags[2] = (flags[2] & ~0x130u) | 0x30u;
        flags[3] &= ~0x804Bu;
        state[17 + 6] = 1;
        state[17 + 5] = 0;
        LinuxException.Check(Libc.ioctl(terminal, TCSETS, state), "ioctl", "TCSETS");
    }

    /// <summary>A new pseudo terminal: the controlling side, non-blocking, and the side programs see.</summary>
    public static unsafe (SafeFileHandle Controller, SafeFileHandle Peer) CreatePair()
    {
        var controller = DescriptorIo.Open("/dev/ptmx", OpenFlags.O_RDWR | OpenFlags.O_NOCTTY | OpenFlags.O_NONBLOCK);
        try
        {
            var locked = 0;
            // SAFETY: TIOCSPTLCK reads one integer; TIOCGPTPEER takes open flags in place of the pointer.
            LinuxException.Check(Libc.ioctl(controller, TIOCSPTLCK, &locked), "ioctl", "TIOCSPTLCK");
            var flags = OpenFlags.O_RDWR | OpenFlags.O_NOCTTY | OpenFlags.O_CLOEXEC;
            return (controller, DescriptorIo.Own(Libc.ioctl(controller, TIOCGPTPEER, (void*)flags), "ioctl", "TIOCGPTPEER"));
        }
        catch
        {
            controller.Dispose();
            throw;
        }
    }
}
