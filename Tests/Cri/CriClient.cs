using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using Kata.Tests.Cri.Protos;

namespace Kata.Tests.Cri;

/// <summary>A client of the container runtime interface over a unix socket.</summary>
public sealed class CriClient : IDisposable
{
    // A call that takes longer than this hangs: kubelet gives up after two minutes.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly GrpcChannel _channel;

    public CriClient(string socket)
    {
        _channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            MaxReceiveMessageSize = 64 << 20,
            HttpHandler = new SocketsHttpHandler
            {
                UseProxy = false,
                EnableMultipleHttp2Connections = true,
                ConnectCallback = async (_, ct) =>
                {
                    var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    try
                    {
                        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), ct);
                        return new NetworkStream(connection, ownsSocket: true);
                    }
                    catch
                    {
                        connection.Dispose();
                        throw;
                    }
                },
            },
        });
        Runtime = new RuntimeService.RuntimeServiceClient(_channel);
        Images = new ImageService.ImageServiceClient(_channel);
    }

    public RuntimeService.RuntimeServiceClient Runtime { get; }

    public ImageService.ImageServiceClient Images { get; }

    /// <summary>The options of one call.</summary>
    public static CallOptions Call(TimeSpan? limit = null) => new(deadline: DateTime.UtcNow + (limit ?? Limit));

    public void Dispose() => _channel.Dispose();
}
