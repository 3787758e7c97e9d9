using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>Whether a peer with this address, as the kernel tells it, may connect.</summary>
internal delegate bool PeerFilter(ReadOnlySpan<byte> address);

/// <summary>
/// A listening stream socket of any family. Waits in <see cref="Poller"/>, since <see cref="Socket"/> accepts only from
/// families it knows.
/// </summary>
public sealed class SocketListener : IDisposable
{
    /// <summary>No address family has longer ones.</summary>
    private const int MaxAddress = 128;

    private readonly PeerFilter? _admits;

    internal SocketListener(SafeFileHandle handle, PeerFilter? admits = null)
    {
        Handle = handle;
        _admits = admits;
    }

    public SafeFileHandle Handle { get; }

    /// <summary>Takes over a listening socket this process was started with.</summary>
    public static SocketListener FromInheritedDescriptor(int descriptor)
    {
        var handle = DescriptorIo.FromInherited(descriptor);
        DescriptorIo.SetNonBlocking(handle);
        return new SocketListener(handle);
    }

    /// <summary>
    /// The next connection. Ends with <see cref="ObjectDisposedException"/> when the listener is disposed of.
    /// </summary>
    public async Task<Socket> AcceptAsync(CancellationToken cancellation = default)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (TryAccept() is { } accepted)
                return ForeignSocket.Wrap(accepted);
            await Poller.WaitReadableAsync(Handle, cancellation);
        }
    }

    public void Dispose() => Poller.Close(Handle);

    private unsafe SafeSocketHandle? TryAccept()
    {
        var address = stackalloc byte[MaxAddress];
        while (true)
        {
            var length = (uint)MaxAddress;
            // SAFETY: the kernel writes at most so many bytes, and says how many the address has.
            var descriptor = Libc.accept4(Handle, address, &length, OpenFlags.O_CLOEXEC);
            if (descriptor >= 0)
            {
                var accepted = new SafeSocketHandle(descriptor, ownsHandle: true);
                if (_admits?.Invoke(new ReadOnlySpan<byte>(address, (int)Math.Min(length, MaxAddress))) ?? true)
                    return accepted;
                accepted.Dispose();
                continue;
            }

            switch (LinuxException.LastErrno)
            {
                case Errno.EAGAIN:
                    return null;
                case Errno.EINTR or Errno.ECONNABORTED or Errno.EPROTO:
                    continue;
                default:
                    throw LinuxException.Last("accept4", DescriptorIo.Describe(Handle));
            }
        }
    }
}
