using System.Net.Sockets;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// ttRPC on a virtio-serial port behind a unix socket. The port is one pipe for the life of the machine: the host may
/// connect before the guest has opened it, and after a reconnect bytes of the old session can still be under way in
/// both directions. So each session begins with a greeting.
/// </summary>
/// <remarks>
/// <para>The rule of both sides:</para>
/// <list type="number">
/// <item>The greeting is 26 bytes: <c>FF FF FF FF 4B 41 54 41 48 58</c> (four times 255, then <c>KATAHX</c>) and a
/// nonce of 16 random bytes. Its first four bytes, read as the length in a ttRPC header, exceed the largest frame
/// (4 MiB), so at a frame boundary it cannot be mistaken for a frame, nor a frame for it.</item>
/// <item>The host sends a greeting and then nothing until the guest has sent back the same 26 bytes; whatever comes
/// before them is of an old session and is thrown away. After them, both directions are plain ttRPC.</item>
/// <item>The guest serves nothing before a greeting. It looks for one wherever a frame could begin: before the first
/// frame, and between any two. On a greeting, also in the middle of a session, it forgets the old session (no more
/// bytes of it are written, its running calls are cancelled; processes and containers stay), writes the greeting back,
/// and starts a new session.</item>
/// <item>A header that announces more than 4 MiB and is no greeting means that the guest has lost the thread: it ends
/// the session and reads on byte by byte until the next greeting. The fixed bytes may be preceded by any bytes,
/// also by 255s.</item>
/// <item>A read of zero bytes in the guest means that the host has gone: the session ends, a half-received frame is
/// dropped, and the guest waits for the next greeting. (The kernel reports this state as <c>POLLHUP</c> and reads of
/// zero bytes for as long as it lasts, so the guest pauses between looks.)</item>
/// <item>An unanswered greeting means a guest that is still booting, or one that takes the greeting for the rest of an
/// old frame. The host covers both: it closes, waits <see cref="Pause"/> so that the guest notices, and tries
/// anew.</item>
/// </list>
/// </remarks>
internal sealed class SerialDialer(SerialEndpoint endpoint, TimeProvider time) : IGuestDialer
{
    /// <summary>
    /// How long the port stays unconnected between tries; long enough for a slow guest to read a zero.
    /// </summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The most that an old session can have left: queues of the port and the socket, and one frame.</summary>
    internal int MaxStale { get; init; } = 16 << 20;

    private bool _dialledBefore;

    public async Task<Socket> DialOnceAsync(CancellationToken ct)
    {
        if (_dialledBefore)
            await Task.Delay(Pause, time, ct);

        var socket = await VmmSocket.ConnectAsync(endpoint.Socket.Value, ct);
        _dialledBefore = true;
        try
        {
            var hello = SerialHello.Create();
            await VmmSocket.SendAsync(socket, hello, ct);
            await SkipUntilAsync(socket, hello, ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads up to and including the greeting and not a byte further: never more at once than is still missing if all
    /// of what has matched so far turns out to be part of it.
    /// </summary>
    private async Task SkipUntilAsync(Socket socket, byte[] hello, CancellationToken ct)
    {
        var window = new byte[SerialHello.Length];
        var held = 0;
        for (var read = 0; read < MaxStale;)
        {
            var n = await VmmSocket.ReceiveAsync(socket, window.AsMemory(held), ct);
            read += n;
            held += n;
            var skip = 0;
            while (!hello.AsSpan().StartsWith(window.AsSpan(skip, held - skip)))
                skip++;
            if (held - skip == SerialHello.Length)
                return;

            window.AsSpan(skip, held - skip).CopyTo(window);
            held -= skip;
        }

        throw new KataException(
            ErrorKind.Unavailable,
            $"{endpoint} sent {MaxStale} bytes without answering the greeting: "
            + "what runs in the guest does not speak it");
    }
}
