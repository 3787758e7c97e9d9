using System.Net;
using System.Net.Sockets;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Network;

/// <summary>Takes what is dialled to localhost of a namespace by a socket lookup program.</summary>
internal sealed class LocalPorts : ILocalPorts
{
    public async Task<ILocalPortListener> ListenAsync(NetworkNamespacePath networkNamespace, CancellationToken ct)
    {
        try
        {
            return new LocalPortListener(await LoopbackSteering.OpenAsync(networkNamespace.Path.Value));
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new KataException(
                ErrorKind.Unimplemented,
                $"connections to localhost cannot be taken in {networkNamespace.Path}: {e.Message}", e);
        }
    }
}

/// <summary>The two listeners of a namespace as one.</summary>
internal sealed class LocalPortListener(LoopbackSteering steering) : ILocalPortListener
{
    private readonly CancellationTokenSource _closed = new();
    private Task<Socket>? _v4;
    private Task<Socket>? _v6;

    public async Task<ILocalConnection?> AcceptAsync(CancellationToken ct)
    {
        try
        {
            _v4 ??= steering.V4.AcceptAsync(_closed.Token).AsTask();
            if (steering.V6 is { } v6)
                _v6 ??= v6.AcceptAsync(_closed.Token).AsTask();
            Task<Socket>[] both = _v6 is null ? [_v4] : [_v4, _v6];
            var first = await Task.WhenAny(both).WaitAsync(ct);
            if (first == _v4)
                _v4 = null;
            else
                _v6 = null;
            return new LocalConnection(await first);
        }
        catch (Exception e)
            when (_closed.IsCancellationRequested && e is OperationCanceledException or SocketException
                or ObjectDisposedException)
        {
            return null;
        }
        catch (SocketException e)
        {
            throw new KataException(ErrorKind.Unavailable, $"no connection to localhost can be taken: {e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        steering.Dispose();
    }
}

/// <summary>An accepted connection.</summary>
internal sealed class LocalConnection(Socket socket) : ILocalConnection
{
    public int Port { get; } = ((IPEndPoint)socket.LocalEndPoint!).Port;

    public Stream Bytes { get; } = new NetworkStream(socket);

    public void EndOutput()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // Whoever dialled has gone; reading from it tells so too.
        }
    }

    public void Reset() => socket.LingerState = new LingerOption(true, 0);

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
