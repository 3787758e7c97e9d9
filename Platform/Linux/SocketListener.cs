using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace Kata.Platform.Linux;

/// <summary>A listening stream socket of any family. Waits in <see cref="Poller"/>, since <see cref="Socket"/> accepts only from families it knows.</summary>
public sealed class SocketListener : IDisposable
{
    internal SocketListener(SafeFileHandle handle) => Handle = handle;

    public SafeFileHandle Handle { get; }

    /// <summary>Takes over a listening socket this process was started with.</summary>
    public static SocketListener FromInheritedDescriptor(int descriptor)
    {
        var handle = DescriptorIo.FromInherited(descriptor);
        DescriptorIo.SetNonBlocking(handle);
        return new SocketListener(handle);
    }

    /// <summary>The next connection. Ends with <see cref="ObjectDisposedException"/> when the listener is disposed of.</summary>
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
        while (true)
        {
            // SAFETY: the peer's address is not asked for.
            var descriptor = Libc.accept4(Handle, null, null, OpenFlags.O_CLOEXEC);
            if (descriptor >= 0)
                return new SafeSocketHandle(descriptor, ownsHandle: true);
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
