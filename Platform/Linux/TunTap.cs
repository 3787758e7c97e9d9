using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// Tap devices. They are made in the calling thread's network namespace; their descriptors then work anywhere.
/// </summary>
public static class TunTap
{
    /// <summary>The longest name of a network interface.</summary>
    public const int LongestName = 15;

    private const nuint TUNSETIFF = 0x400454CA;
    private const nuint TUNSETPERSIST = 0x400454CB;
    private const short IFF_TAP = 0x0002;
    private const short IFF_MULTI_QUEUE = 0x0100;
    private const short IFF_NO_PI = 0x1000;
    private const short IFF_VNET_HDR = 0x4000;
    private const int SizeOfIfreq = 40;

    /// <summary>
    /// Makes a tap, or opens one that exists with the same settings: one descriptor per queue. It goes with the last
    /// of them unless it is made persistent.
    /// </summary>
    /// <param name="virtioHeader">Whether each frame has virtio-net's header, which lets checksums and segmentation
    /// stay undone.</param>
    public static IReadOnlyList<SafeFileHandle> OpenTap(
        string name, int queues = 1, bool virtioHeader = true, bool persistent = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queues, 1);
        if (name.Length is 0 or > LongestName || !Ascii.IsValid(name))
            throw new LinuxException(Errno.EINVAL, "TUNSETIFF", name);
        var flags = (short)(
            IFF_TAP | IFF_NO_PI | (virtioHeader ? IFF_VNET_HDR : 0) | (queues > 1 ? IFF_MULTI_QUEUE : 0));
        var handles = new List<SafeFileHandle>();
        try
        {
            for (var i = 0; i < queues; i++)
            {
                handles.Add(DescriptorIo.Open("/dev/net/tun", OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK));
                Attach(handles[^1], name, flags);
            }
            if (persistent)
                SetPersistent(handles[0], name, true);
            return handles;
        }
        catch
        {
            handles.ForEach(handle => handle.Dispose());
            throw;
        }
    }

    /// <summary>Whether the device outlives its descriptors.</summary>
    public static unsafe void SetPersistent(SafeFileHandle tap, string name, bool persistent) =>
        // SAFETY: the request takes its number in place of the pointer.
        LinuxException.Check(Libc.ioctl(tap, TUNSETPERSIST, (void*)(persistent ? 1 : 0)), "TUNSETPERSIST", name);

    private static unsafe void Attach(SafeFileHandle handle, string name, short flags)
    {
        // SAFETY: struct ifreq is 40 bytes: the name in 16, NUL-terminated since it is at most 15 long, then the flags.
        var request = stackalloc byte[SizeOfIfreq];
        new Span<byte>(request, SizeOfIfreq).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, LongestName));
        *(short*)(request + 16) = flags;
        LinuxException.Check(Libc.ioctl(handle, TUNSETIFF, request), "TUNSETIFF", name);
    }
}
