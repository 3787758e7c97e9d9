using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>The kernel's vhost-vsock device: whoever holds the descriptor owns a context id.</summary>
public static class VhostVsock
{
    /// <summary>0 to 2 are reserved.</summary>
    public const uint LowestContextId = 3;

    /// <summary>The one above means "any".</summary>
    public const uint HighestContextId = uint.MaxValue - 1;

    private const nuint VHOST_VSOCK_SET_GUEST_CID = 0x4008AF60;

    /// <summary>Opens the device. ENOENT or ENODEV: this host has none.</summary>
    public static SafeFileHandle Open(string device = "/dev/vhost-vsock") =>
        DescriptorIo.Open(device, OpenFlags.O_RDWR);

    /// <summary>Claims a context id for the open device; false if another machine has it.</summary>
    public static unsafe bool TryClaim(SafeFileHandle device, uint contextId)
    {
        var value = (ulong)contextId;
        // SAFETY: the request reads one 64-bit word.
        if (Libc.ioctl(device, VHOST_VSOCK_SET_GUEST_CID, &value) >= 0)
            return true;
        return LinuxException.LastErrno == Errno.EADDRINUSE
            ? false
            : throw LinuxException.Last("VHOST_VSOCK_SET_GUEST_CID", $"cid {contextId}");
    }
}
