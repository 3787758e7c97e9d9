using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Terminals by their descriptors.</summary>
public static class Terminal
{
    private const nuint TIOCGWINSZ = 0x5413;
    private const nuint TIOCSWINSZ = 0x5414;
    private const nuint TIOCSPTLCK = 0x40045431;
    private const nuint TIOCGPTPEER = 0x5441;

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
            return (
                controller,
                DescriptorIo.Own(Libc.ioctl(controller, TIOCGPTPEER, (void*)flags), "ioctl", "TIOCGPTPEER"));
        }
        catch
        {
            controller.Dispose();
            throw;
        }
    }
}
