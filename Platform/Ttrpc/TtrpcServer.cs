using System.Net.Sockets;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>
/// Serves the standard gRPC service classes over ttRPC. Handlers get the standard <see cref="ServerCallContext"/>:
/// metadata as request headers, the deadline, and a token that fires at the first of deadline, lost connection and
/// shutdown.
/// </summary>
public sealed class TtrpcServer : IAsyncDisposable
{
    // Out of descriptors or memory: the listener stays readable, so trying again at once would only spin.
    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly TtrpcServerOptions _options;
    private readonly ServiceTable _services;
    private readonly Lock _gate = new();
    private readonly HashSet<ServerConnection> _connections = [];
    private readonly CancellationTokenSource _stopAccepting = new();
    private bool _serving;
    private bool _stopping;

    /// <summary>A server without services.</summary>
    public TtrpcServer(TtrpcServerOptions? options = null)
    {
        _options = options ?? new TtrpcServerOptions();
        _services = new ServiceTable(_options);
    }

    /// <summary>
    /// Binds a service: <c>server.AddService(b => Task.BindService(b, impl))</c>. One implementation may be bound
    /// several times; <paramref name="serviceName"/> replaces the name its proto file gives it. Only before the first
    /// connection.
    /// </summary>
    public void AddService(Action<ServiceBinderBase> bind, string? serviceName = null)
    {
        lock (_gate)
        {
            if (_serving)
                throw new InvalidOperationException("services are added before the server serves");
            _services.Bind(bind, serviceName);
        }
    }

    /// <summary>
    /// Accepts connections until the token fires, which also ends the connections accepted here, or the server is
    /// stopped. The listener stays its owner's. Faults when the listener does.
    /// </summary>
    public async Task ServeAsync(Socket listener, CancellationToken cancellationToken)
    {
        lock (_gate)
            _serving = true;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopAccepting.Token);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Serve(await listener.AcceptAsync(stop.Token), cancellationToken);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e)
                when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // The client gave up before it was accepted.
            }
            catch (SocketException e)
                when (e.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                await Task.Delay(AcceptPause, _options.Time, stop.Token)
                    .ContinueWith(static _ => { }, TaskScheduler.Default);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>
    /// Serves one connected socket, which it takes over; completes when the connection has ended.
    /// <see cref="TtrpcServerOptions.AcceptPeer"/> is not asked.
    /// </summary>
    public Task ServeConnectionAsync(Socket transport, CancellationToken cancellationToken) =>
        RunAsync(new SocketTransport(transport), cancellationToken);

    /// <summary>Serves one connected stream, which it takes over; completes when the connection has ended.</summary>
    public Task ServeConnectionAsync(Stream transport, CancellationToken cancellationToken) =>
        RunAsync(TtrpcConnection.TransportOver(transport, _options.Reader), cancellationToken);

    /// <summary>
    /// Accepts no more, closes idle connections, lets running calls finish and sends their answers. When the token
    /// fires the remaining connections are closed as they are; it never throws for that.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        ServerConnection[] connections;
        lock (_gate)
        {
            _stopping = true;
            connections = [.. _connections];
        }

        await _stopAccepting.CancelAsync();
        using (cancellationToken.UnsafeRegister(
            static s =>
            {
                foreach (var connection in (ServerConnection[])s!)
                    connection.Abort("the server stops");
            },
            connections))
        {
            await Task.WhenAll(connections.Select(static c => c.StopAsync()));
        }
    }

    /// <summary>Closes all connections at once.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(new CancellationToken(true));
        _stopAccepting.Dispose();
    }

    private void Serve(Socket socket, CancellationToken cancellationToken)
    {
        try
        {
            if (_options.AcceptPeer?.Invoke(socket) ?? true)
            {
                _ = RunAsync(new SocketTransport(socket), cancellationToken);
                return;
            }
        }
        catch (Exception)
        {
            // Nobody vouches for this peer, or it is gone; either way the next one is not its business.
        }

        socket.Dispose();
    }

    private async Task RunAsync(ITransport transport, CancellationToken cancellationToken)
    {
        var connection = new ServerConnection(transport, _services, _options);
        bool refused;
        lock (_gate)
        {
            _serving = true;
            refused = _stopping;
            if (!refused)
                _connections.Add(connection);
        }

        if (refused)
        {
            transport.Close();
            return;
        }

        try
        {
            using (cancellationToken.UnsafeRegister(static s => ((ServerConnection)s!).Abort("the server stops"),
                connection))
            {
                connection.Start();
                await connection.Closed;
            }
        }
        finally
        {
            lock (_gate)
                _connections.Remove(connection);
        }
    }
}
