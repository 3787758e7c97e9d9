using System.Net.Sockets;
using Kata.Platform.Ttrpc;

namespace Kata.Tests.Unit.Shimv2;

/// <summary>A server and clients on a unix socket of their own.</summary>
internal sealed class TtrpcPair : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ttrpc").FullName;
    private readonly List<TtrpcClient> _clients = [];
    private TtrpcServer? _server;
    private Socket? _listener;
    private Task _serving = Task.CompletedTask;

    public string Path => System.IO.Path.Combine(_directory, "socket");

    public void Serve(Action<TtrpcServer> addServices, TtrpcServerOptions? options = null)
    {
        _server = new TtrpcServer(options);
        addServices(_server);
        _listener = Platform.Linux.UnixSocket.Listen(Path);
        _serving = _server.ServeAsync(_listener, CancellationToken.None);
    }

    /// <summary>Ends the server as a daemon ends: its socket file goes too.</summary>
    public async Task StopServingAsync()
    {
        if (_server is null)
            return;
        await _server.DisposeAsync();
        await _serving;
        _listener!.Dispose();
        File.Delete(Path);
        _server = null;
    }

    public async Task<TtrpcClient> ConnectAsync()
    {
        var client = new TtrpcClient(await Platform.Linux.UnixSocket.ConnectAsync(Path));
        _clients.Add(client);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        await StopServingAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
