using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux.Netlink;

/// <summary>
/// A socket of NETLINK_ROUTE. It belongs to the network namespace of the thread that opens it and works from any thread
/// afterwards, by one caller at a time. The kernel answers within the call, so calls are synchronous and short.
/// </summary>
public sealed class NetlinkSocket : IDisposable
{
    private const int AF_NETLINK = 16;
    private const int SOCK_RAW = 3;
    private const int NETLINK_ROUTE = 0;
    private const int SOL_SOCKET = 1;
    private const int SO_RCVTIMEO = 20;
    private const int SO_RCVBUFFORCE = 33;
    private const int SO_NETNS_COOKIE = 71;
    private const int SOL_NETLINK = 270;
    private const int NETLINK_CAP_ACK = 10;
    private const int NETLINK_EXT_ACK = 11;
    private const int MSG_TRUNC = 0x20;
    private const int SizeOfSockaddr = 12;
    private const ushort NLMSGERR_ATTR_MSG = 1;

    // The kernel fills up to 32 KiB per answer of a dump unless one entry alone is longer. Below what the runtime keeps
    // apart as a large object, which stays until a full collection.
    private const int LongestAnswer = 64 * 1024;

    // A dump is interrupted by a change made meanwhile; somebody who changes things this often is not to be waited for.
    private const int DumpAttempts = 20;
    private const int AnswerSeconds = 10;
    private const int ListenerBuffer = 1024 * 1024;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(LongestAnswer);
    private uint _sequence;

    private NetlinkSocket(SafeFileHandle socket) => _socket = socket;

    /// <summary>Reads one entry of a dump; false if it is none that is looked for.</summary>
    public delegate bool EntryReader<T>(in NetlinkMessage message, out T entry);

    /// <summary>A socket for requests, in the calling thread's network namespace.</summary>
    public static NetlinkSocket Open() => Open(0, blocking: true);

    /// <summary>A socket that hears of changes in the calling thread's network namespace from now on.</summary>
    /// <param name="groups">Bits of <see cref="NetlinkGroups"/>.</param>
    public static NetlinkSocket OpenListener(uint groups) => Open(groups, blocking: false);

    /// <summary>
    /// A number of the socket's network namespace that no other gets until the host is started anew, which the inode is
    /// not; 0 from kernels before 5.14.
    /// </summary>
    public unsafe ulong NamespaceCookie
    {
        get
        {
            ulong cookie = 0;
            uint size = sizeof(ulong);
            return Libc.getsockopt(_socket, SOL_SOCKET, SO_NETNS_COOKIE, (byte*)&cookie, &size) == 0 ? cookie : 0;
        }
    }

    /// <summary>Sends a request and waits until the kernel has carried it out.</summary>
    /// <exception cref="LinuxException">The kernel's refusal, with its own words if it has any.</exception>
    public void Send(NetlinkRequest request)
    {
        Transmit(request.Finish(++_sequence, NetlinkMessage.NLM_F_ACK), request);
        while (true)
        {
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(0, Receive(request));
            while (NetlinkMessage.TryTake(ref bytes, out var message))
            {
                if (message.Sequence == _sequence && message.Type == NetlinkMessage.NLMSG_ERROR)
                {
                    ThrowIfRefused(message, request);
                    return;
                }
            }
        }
    }

    /// <summary>As <see cref="Send"/>, but an answer of one of these numbers is false instead of an error.</summary>
    public bool TrySend(NetlinkRequest request, params ReadOnlySpan<Errno> tolerated)
    {
        try
        {
            Send(request);
            return true;
        }
        catch (LinuxException e) when (Contains(tolerated, e.Errno))
        {
            return false;
        }
    }

    /// <summary>Asks for all entries of a table, as of one moment: what changes meanwhile makes it ask again.</summary>
    public IReadOnlyList<T> Dump<T>(NetlinkRequest request, EntryReader<T> read)
    {
        for (var attempt = 1; ; attempt++)
        {
            var entries = new List<T>();
            if (TryDump(request, read, entries))
                return entries;
            if (attempt == DumpAttempts)
                throw new LinuxException(Errno.EAGAIN, Name(request.Type), $"{request.What} (it keeps changing)");
        }
    }

    /// <summary>For a listener: completes when there is something to <see cref="Drain"/>.</summary>
    public ValueTask WaitAsync(CancellationToken cancellation = default) =>
        Poller.WaitReadableAsync(_socket, cancellation);

    /// <summary>
    /// For a listener: takes away all that has come; true if there was anything, or if something was lost.
    /// </summary>
    public bool Drain()
    {
        var any = false;
        while (true)
        {
            var received = TryReceive(out _);
            if (received >= 0)
            {
                any = true;
                continue;
            }
            switch (LinuxException.LastErrno)
            {
                case Errno.EAGAIN:
                    return any;
                case Errno.EINTR:
                    continue;
                case Errno.ENOBUFS:
                    any = true;
                    continue;
                case var errno:
                    throw new LinuxException(errno, "recvmsg", "NETLINK_ROUTE");
            }
        }
    }

    public void Dispose() => Poller.Close(_socket);

    /// <summary>Reads what an NLMSG_ERROR says: 0 for success, and the kernel's words if there are any.</summary>
    internal static bool TryReadError(in NetlinkMessage message, out Errno errno, out string words)
    {
        errno = Errno.None;
        words = "";
        var body = message.Body;
        if (body.Length < 4)
            return false;
        // The most negative number has no counterpart; as an unsigned one it is merely unknown.
        errno = (Errno)(0 - MemoryMarshal.Read<int>(body));
        body = body[4..];
        if ((message.Flags & NetlinkMessage.NLM_F_ACK_TLVS) == 0 || body.Length < NetlinkMessage.HeaderSize)
            return true;

        // Behind the number stands the header of the request, and unless capped the rest of it.
        var asked = (message.Flags & NetlinkMessage.NLM_F_CAPPED) != 0
            ? NetlinkMessage.HeaderSize
            : MemoryMarshal.Read<uint>(body);
        if (asked > (uint)body.Length)
            return true;
        var attributes = new NetlinkAttributes(body[Math.Min(NetlinkMessage.Align((int)asked), body.Length)..]);
        while (attributes.MoveNext())
        {
            if (attributes.Type == NLMSGERR_ATTR_MSG)
                words = attributes.Text();
        }
        return true;
    }

    private static NetlinkSocket Open(uint groups, bool blocking)
    {
        var socket = DescriptorIo.Own(
            Libc.socket(
                AF_NETLINK, SOCK_RAW | OpenFlags.O_CLOEXEC | (blocking ? 0 : OpenFlags.O_NONBLOCK),
                NETLINK_ROUTE), "socket", "NETLINK_ROUTE");
        try
        {
            Prepare(socket, groups, blocking);
            return new NetlinkSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static unsafe void Prepare(SafeFileHandle socket, uint groups, bool blocking)
    {
        // SAFETY: struct sockaddr_nl is 12 bytes: family, padding, port 0 for "choose", groups; the options are of the
        // sizes given.
        var address = stackalloc uint[3] { AF_NETLINK, 0, groups };
        LinuxException.Check(Libc.bind(socket, (byte*)address, SizeOfSockaddr), "bind", "NETLINK_ROUTE");
        if (blocking)
        {
            var on = 1;
            var patience = stackalloc long[2] { AnswerSeconds, 0 };
            // Words beside the numbers are a comfort; a kernel without them answers with numbers.
            _ = Libc.setsockopt(socket, SOL_NETLINK, NETLINK_EXT_ACK, (byte*)&on, 4);
            _ = Libc.setsockopt(socket, SOL_NETLINK, NETLINK_CAP_ACK, (byte*)&on, 4);
            LinuxException.Check(
                Libc.setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, (byte*)patience, 16), "setsockopt", "SO_RCVTIMEO");
        }
        else
        {
            var size = ListenerBuffer;
            // Losing messages is known and harmless, so the default has to do where more is not allowed.
            _ = Libc.setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, (byte*)&size, 4);
        }
    }

    private bool TryDump<T>(NetlinkRequest request, EntryReader<T> read, List<T> entries)
    {
        Transmit(request.Finish(++_sequence, NetlinkMessage.NLM_F_DUMP), request);
        var consistent = true;
        while (true)
        {
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(0, Receive(request));
            while (NetlinkMessage.TryTake(ref bytes, out var message))
            {
                if (message.Sequence != _sequence)
                    continue;
                consistent &= (message.Flags & NetlinkMessage.NLM_F_DUMP_INTR) == 0;
                switch (message.Type)
                {
                    case NetlinkMessage.NLMSG_DONE:
                        ThrowIfRefused(message, request);
                        return consistent;
                    case NetlinkMessage.NLMSG_ERROR:
                        ThrowIfRefused(message, request);
                        break;
                    default:
                        if (read(message, out var entry))
                            entries.Add(entry);
                        break;
                }
            }
        }
    }

    private unsafe void Transmit(ReadOnlySpan<byte> bytes, NetlinkRequest request)
    {
        // SAFETY: the bytes are pinned for the call; the address is the kernel's (port 0) and 12 bytes long.
        fixed (byte* pointer = bytes)
        {
            var address = stackalloc uint[3] { AF_NETLINK, 0, 0 };
            var vector = new Libc.Iovec { iov_base = pointer, iov_len = (nuint)bytes.Length };
            var message = new Libc.Msghdr
            {
                msg_name = (byte*)address,
                msg_namelen = SizeOfSockaddr,
                msg_iov = &vector,
                msg_iovlen = 1
            };
            while (Libc.sendmsg(_socket, &message, 0) < 0)
            {
                if (LinuxException.LastErrno is not Errno.EINTR and var errno)
                    throw new LinuxException(errno, Name(request.Type), request.What);
            }
        }
    }

    /// <summary>The next datagram from the kernel.</summary>
    private int Receive(NetlinkRequest request)
    {
        while (true)
        {
            var received = TryReceive(out var isKernel);
            if (received < 0)
            {
                if (LinuxException.LastErrno is not Errno.EINTR and var errno)
                    throw new LinuxException(
                        errno == Errno.EAGAIN ? Errno.ETIMEDOUT : errno, Name(request.Type), request.What);
            }
            else if (received > _buffer.Length)
            {
                throw new LinuxException(Errno.EMSGSIZE, Name(request.Type), request.What);
            }
            else if (isKernel)
            {
                return received;
            }
        }
    }

    private unsafe int TryReceive(out bool isKernel)
    {
        // SAFETY: all blocks outlive the call and carry their true lengths.
        fixed (byte* pointer = _buffer)
        {
            var sender = stackalloc uint[3];
            var vector = new Libc.Iovec { iov_base = pointer, iov_len = (nuint)_buffer.Length };
            var message = new Libc.Msghdr
            {
                msg_name = (byte*)sender,
                msg_namelen = SizeOfSockaddr,
                msg_iov = &vector,
                msg_iovlen = 1
            };
            var received = (int)Libc.recvmsg(_socket, &message, MSG_TRUNC);
            // Other processes can send here too; the kernel's port is 0.
            isKernel = sender[1] == 0;
            return received;
        }
    }

    private static void ThrowIfRefused(in NetlinkMessage message, NetlinkRequest request)
    {
        // The end of a dump carries a number in the same place; older kernels leave it out.
        if (!TryReadError(message, out var errno, out var words) || errno <= Errno.None)
            return;
        throw new LinuxException(
            errno, Name(request.Type), words.Length == 0 ? request.What : $"{request.What} ({words})");
    }

    private static bool Contains(ReadOnlySpan<Errno> list, Errno errno)
    {
        foreach (var candidate in list)
        {
            if (candidate == errno)
                return true;
        }
        return false;
    }

    private static string Name(ushort type) => type switch
    {
        RouteTypes.RTM_NEWLINK => nameof(RouteTypes.RTM_NEWLINK),
        RouteTypes.RTM_DELLINK => nameof(RouteTypes.RTM_DELLINK),
        RouteTypes.RTM_GETLINK => nameof(RouteTypes.RTM_GETLINK),
        RouteTypes.RTM_NEWADDR => nameof(RouteTypes.RTM_NEWADDR),
        RouteTypes.RTM_DELADDR => nameof(RouteTypes.RTM_DELADDR),
        RouteTypes.RTM_GETADDR => nameof(RouteTypes.RTM_GETADDR),
        RouteTypes.RTM_NEWROUTE => nameof(RouteTypes.RTM_NEWROUTE),
        RouteTypes.RTM_DELROUTE => nameof(RouteTypes.RTM_DELROUTE),
        RouteTypes.RTM_GETROUTE => nameof(RouteTypes.RTM_GETROUTE),
        RouteTypes.RTM_NEWNEIGH => nameof(RouteTypes.RTM_NEWNEIGH),
        RouteTypes.RTM_DELNEIGH => nameof(RouteTypes.RTM_DELNEIGH),
        RouteTypes.RTM_GETNEIGH => nameof(RouteTypes.RTM_GETNEIGH),
        RouteTypes.RTM_NEWQDISC => nameof(RouteTypes.RTM_NEWQDISC),
        RouteTypes.RTM_DELQDISC => nameof(RouteTypes.RTM_DELQDISC),
        RouteTypes.RTM_GETQDISC => nameof(RouteTypes.RTM_GETQDISC),
        RouteTypes.RTM_NEWTFILTER => nameof(RouteTypes.RTM_NEWTFILTER),
        RouteTypes.RTM_DELTFILTER => nameof(RouteTypes.RTM_DELTFILTER),
        RouteTypes.RTM_GETTFILTER => nameof(RouteTypes.RTM_GETTFILTER),
        _ => $"netlink {type}",
    };
}

/// <summary>Kinds of messages of NETLINK_ROUTE.</summary>
public static class RouteTypes
{
    public const ushort RTM_NEWLINK = 16;
    public const ushort RTM_DELLINK = 17;
    public const ushort RTM_GETLINK = 18;
    public const ushort RTM_NEWADDR = 20;
    public const ushort RTM_DELADDR = 21;
    public const ushort RTM_GETADDR = 22;
    public const ushort RTM_NEWROUTE = 24;
    public const ushort RTM_DELROUTE = 25;
    public const ushort RTM_GETROUTE = 26;
    public const ushort RTM_NEWNEIGH = 28;
    public const ushort RTM_DELNEIGH = 29;
    public const ushort RTM_GETNEIGH = 30;
    public const ushort RTM_NEWQDISC = 36;
    public const ushort RTM_DELQDISC = 37;
    public const ushort RTM_GETQDISC = 38;
    public const ushort RTM_NEWTFILTER = 44;
    public const ushort RTM_DELTFILTER = 45;
    public const ushort RTM_GETTFILTER = 46;
}

/// <summary>What a listener can hear, as bits for <see cref="NetlinkSocket.OpenListener"/>.</summary>
public static class NetlinkGroups
{
    public const uint Links = 1 << 0;
    public const uint Neighbours = 1 << 2;
    public const uint AddressesV4 = 1 << 4;
    public const uint RoutesV4 = 1 << 6;
    public const uint AddressesV6 = 1 << 8;
    public const uint RoutesV6 = 1 << 10;
}
