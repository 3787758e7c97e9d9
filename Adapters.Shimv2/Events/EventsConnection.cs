using Grpc.Core;
using Kata.Adapters.Shimv2.Bootstrap;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Containerd.Events;
using Kata.Platform.Ttrpc;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>The way to the daemon's inlet for events.</summary>
internal interface IEventsConnection : IAsyncDisposable
{
    /// <summary>Sends one event, bounded; after a failure the next call connects anew.</summary>
    Task ForwardAsync(ForwardRequest request, CancellationToken ct);
}

/// <summary>ttRPC on the daemon's socket; the namespace travels with each call.</summary>
internal sealed class EventsConnection(ShimEnvironment environment, TimeProvider time) : IEventsConnection
{
    private const string NamespaceKey = "containerd-namespace-ttrpc";

    // containerd's own shims give each event this long.
    private static readonly TimeSpan ForwardTimeout = TimeSpan.FromSeconds(5);

    private TtrpcClient? _client;

    public async Task ForwardAsync(ForwardRequest request, CancellationToken ct)
    {
        try
        {
            _client ??= await ConnectAsync(ct);
            await new Platform.Protos.Containerd.Events.Events.EventsClient(_client).ForwardAsync(
                request, new Metadata { { NamespaceKey, environment.Namespace } },
                time.GetUtcNow().Add(ForwardTimeout).UtcDateTime, ct);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.InvalidArgument)
        {
            // The daemon does not want this one; the connection is sound.
            throw;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is { } client)
        {
            _client = null;
            await client.DisposeAsync();
        }
    }

    /// <summary>A bare path or a unix:// address; a name without a slash in front is abstract.</summary>
    private async Task<TtrpcClient> ConnectAsync(CancellationToken ct)
    {
        var address = ShimSocket.PathIn(environment.EventsAddress) ?? environment.EventsAddress;
        return new TtrpcClient(
            await UnixSocket.ConnectAsync(address[0] == '/' ? address : "@" + address.TrimStart('@'), ct));
    }
}
