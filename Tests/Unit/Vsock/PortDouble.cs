using System.Net.Sockets;
using Kata.Apps.Agent.Serving;

namespace Kata.Tests.Unit.Vsock;

/// <summary>
/// A virtio-serial port between a host's unix socket and our agent: one host at a time, reads of nothing while there is
/// none, and what the guest writes meanwhile is lost.
/// </summary>
internal sealed class PortDouble(Socket listener) : ISerialDevice
{
    private readonly Lock _gate = new();
    private Socket? _host;

    /// <summary>Lets the next host in; the one before is gone for the guest only when its end is read.</summary>
    public async Task PlugAsync(CancellationToken ct)
    {
        var host = await listener.AcceptAsync(ct);
        lock (_gate)
            _host = host;
    }

    public int Read(Span<byte> buffer)
    {
        var host = Host();
        if (host is null)
            return 0;
        var n = 0;
        try
        {
            n = host.Receive(buffer);
        }
        catch (SocketException)
        {
            // As if closed.
        }

        if (n == 0)
            Unplug(host);
        return n;
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var host = Host();
            for (var sent = 0; host is not null && sent < bytes.Length;)
                sent += host.Send(bytes[sent..]);
        }
        catch (SocketException)
        {
            // Lost.
        }
    }

    private Socket? Host()
    {
        lock (_gate)
            return _host;
    }

    private void Unplug(Socket host)
    {
        lock (_gate)
        {
            if (_host == host)
                _host = null;
        }

        host.Dispose();
    }
}
