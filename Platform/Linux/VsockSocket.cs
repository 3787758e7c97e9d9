using System.Buffers.Binary;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>
/// AF_VSOCK, which the runtime does not know: made and connected by system call, then used as a <see cref="Socket"/>.
/// Such a socket sends and receives, asynchronously too; it names no end points and says Connected = false.
/// </summary>
public static class VsockSocket
{
    public const uint VMADDR_CID_ANY = uint.MaxValue;
    public const uint VMADDR_CID_LOCAL = 1;
    public const uint VMADDR_CID_HOST = 2;
    public const uint VMADDR_PORT_ANY = uint.MaxValue;

    private const int AF_VSOCK = 40;
    private const int SOCK_STREAM = 1;
    private const int SizeOfAddress = 16;

    /// <summary>
    /// Throws ECONNREFUSED or ECONNRESET if nobody listens, ETIMEDOUT if nobody answers in time, ENODEV if there is no
    /// such machine.
    /// </summary>
    public static Task<Socket> ConnectAsync(
        uint cid, uint port, TimeSpan timeout, CancellationToken cancellation = default)
    {
        var address = new byte[SizeOfAddress];
        WriteAddress(address, cid, port);
        return ForeignSocket.ConnectAsync(AF_VSOCK, address, $"vsock {cid}:{port}", timeout, cancellation);
    }

    /// <summary>
    /// Listens on <paramref name="port"/>; with <paramref name="peer"/>, connections of other machines are
    /// closed unheard.
    /// </summary>
    public static SocketListener Listen(
        uint port, int backlog = 128, uint cid = VMADDR_CID_ANY, uint peer = VMADDR_CID_ANY)
    {
        Span<byte> address = stackalloc byte[SizeOfAddress];
        WriteAddress(address, cid, port);
        return ForeignSocket.Listen(
            AF_VSOCK, address, backlog, $"vsock {port}", peer == VMADDR_CID_ANY ? null : from => IsOf(from, peer));
    }

    /// <summary>Whether the kernel has AF_VSOCK.</summary>
    public static bool IsSupported()
    {
        var descriptor = Libc.socket(AF_VSOCK, SOCK_STREAM | OpenFlags.O_CLOEXEC, 0);
        if (descriptor < 0)
            return false;
        using var handle = new SafeFileHandle(descriptor, true);
        return true;
    }

    /// <summary>Whether the address is one of that machine's.</summary>
    internal static bool IsOf(ReadOnlySpan<byte> address, uint cid) =>
        address.Length >= SizeOfAddress
        && BinaryPrimitives.ReadUInt16LittleEndian(address) == AF_VSOCK
        && BinaryPrimitives.ReadUInt32LittleEndian(address[8..]) == cid;

    private static void WriteAddress(Span<byte> address, uint cid, uint port)
    {
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, AF_VSOCK);
        BinaryPrimitives.WriteUInt32LittleEndian(address[4..], port);
        BinaryPrimitives.WriteUInt32LittleEndian(address[8..], cid);
    }
}
