using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// What the kernel tells about devices (NETLINK_KOBJECT_UEVENT). Open it before looking at what is there already.
/// </summary>
public sealed class KernelEvents : IDisposable
{
    private const int AF_NETLINK = 16;
    private const int SOCK_RAW = 3;
    private const int NETLINK_KOBJECT_UEVENT = 15;
    private const int SOL_SOCKET = 1;
    private const int SO_RCVBUFFORCE = 33;
    private const int ReceiveBuffer = 1024 * 1024;
    private const int LongestEvent = 8192;

    private readonly SafeFileHandle _socket;

    private KernelEvents(SafeFileHandle socket) => _socket = socket;

    public static unsafe KernelEvents Open()
    {
        var socket = DescriptorIo.Own(
            Libc.socket(AF_NETLINK, SOCK_RAW | OpenFlags.O_CLOEXEC | OpenFlags.O_NONBLOCK, NETLINK_KOBJECT_UEVENT),
            "socket", "NETLINK_KOBJECT_UEVENT");
        try
        {
            // SAFETY: struct sockaddr_nl is 12 bytes: family, padding, port 0 for "choose", group 1 for the kernel's
            // events.
            var address = stackalloc uint[3] { AF_NETLINK, 0, 1 };
            LinuxException.Check(Libc.bind(socket, (byte*)address, 12), "bind", "NETLINK_KOBJECT_UEVENT");
            var size = ReceiveBuffer;
            // A plug-in storm must fit; without the right to it the default has to do.
            _ = Libc.setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, (byte*)&size, 4);
            return new KernelEvents(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Events as they come, until cancelled or disposed of. An overrun is skipped: look at /sys for what is there.
    /// </summary>
    public async IAsyncEnumerable<KernelEvent> ReadAllAsync(
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var buffer = new byte[LongestEvent];
        while (true)
        {
            await Poller.WaitReadableAsync(_socket, cancellation);
            while (TryReceive(buffer) is var length and >= 0)
            {
                if (KernelEvent.TryParse(buffer.AsSpan(0, length), out var kernelEvent))
                    yield return kernelEvent;
            }
        }
    }

    public void Dispose() => Poller.Close(_socket);

    /// <summary>-1 if there is nothing, 0 for something not from the kernel or lost.</summary>
    private unsafe int TryReceive(byte[] buffer)
    {
        // SAFETY: all blocks outlive the call and carry their true lengths.
        fixed (byte* pointer = buffer)
        {
            var sender = stackalloc uint[3];
            var vector = new Libc.Iovec { iov_base = pointer, iov_len = (nuint)buffer.Length };
            var message = new Libc.Msghdr
            {
                msg_name = (byte*)sender,
                msg_namelen = 12,
                msg_iov = &vector,
                msg_iovlen = 1
            };
            var received = (int)Libc.recvmsg(_socket, &message, 0);
            if (received >= 0)
            {
                // Other processes can send here too; the kernel's port is 0.
                return sender[1] == 0 ? received : 0;
            }
            return LinuxException.LastErrno switch
            {
                Errno.EAGAIN => -1,
                Errno.EINTR or Errno.ENOBUFS => 0,
                var errno => throw new LinuxException(errno, "recvmsg", "NETLINK_KOBJECT_UEVENT"),
            };
        }
    }
}

/// <summary>One event: what happened (add, remove, change, …) to which path under /sys, with its properties.</summary>
public sealed record KernelEvent(string Action, string DevicePath, IReadOnlyDictionary<string, string> Properties)
{
    public string? this[string property] => Properties.GetValueOrDefault(property);

    /// <summary>Reads <c>action@path</c> and the NUL-separated properties after it.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out KernelEvent kernelEvent)
    {
        kernelEvent = null!;
        var parts = Encoding.UTF8.GetString(bytes).Split('\0', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || parts[0].IndexOf('@') is var at && at < 1)
            return false;
        var properties = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in parts.AsSpan(1))
        {
            var equals = part.IndexOf('=');
            if (equals > 0)
                properties[part[..equals]] = part[(equals + 1)..];
        }
        kernelEvent = new KernelEvent(parts[0][..at], parts[0][(at + 1)..], properties);
        return true;
    }
}
