using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using Kata.Platform.Protos.Agent;
using Kata.Platform.Ttrpc;
using IPAddress = System.Net.IPAddress;

namespace Kata.Apps.Agent.Network;

/// <summary>Connections of the host to the guest's localhost, one per call.</summary>
internal sealed class PortForwardService : PortForward.PortForwardBase
{
    private const int MaxConnections = 256;
    private static readonly TimeSpan DialTime = TimeSpan.FromSeconds(10);

    private int _connections;

    public override async Task Connect(
        IAsyncStreamReader<Segment> requests, IServerStreamWriter<Segment> responses, ServerCallContext context)
    {
        if (Interlocked.Increment(ref _connections) > MaxConnections)
        {
            Interlocked.Decrement(ref _connections);
            throw new RpcException(
                new Status(StatusCode.ResourceExhausted, $"{MaxConnections} forwarded connections are open"));
        }

        try
        {
            if (!await requests.MoveNext(context.CancellationToken) || requests.Current.Port is 0 or > ushort.MaxValue)
                throw new RpcException(
                    new Status(StatusCode.InvalidArgument, "the first segment must name a port, 1 to 65535"));
            using var socket = await DialAsync((int)requests.Current.Port, context.CancellationToken);
            // Tells the caller that somebody listens.
            await responses.WriteAsync(new Segment());
            await using var local = new NetworkStream(socket);
            await StreamRelay.RunAsync(
                local,
                () => socket.Shutdown(SocketShutdown.Send),
                segment => responses.WriteAsync(ToProto(segment)),
                async ct => await requests.MoveNext(ct) ? FromProto(requests.Current) : null,
                context.CancellationToken);
        }
        catch (IOException e)
        {
            throw new RpcException(new Status(StatusCode.Aborted, e.Message));
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    private static Segment ToProto(RelaySegment segment) => new()
    {
        Data = UnsafeByteOperations.UnsafeWrap(segment.Data),
        End = segment.IsEnd,
        Consumed = (uint)segment.Consumed,
    };

    private static RelaySegment FromProto(Segment segment) =>
        new(segment.Data.Memory, segment.End, (int)Math.Min(segment.Consumed, int.MaxValue));

    private static async Task<Socket> DialAsync(int port, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(DialTime);
        SocketException? refusal = null;
        foreach (var address in (IPAddress[])[IPAddress.Loopback, IPAddress.IPv6Loopback])
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), limit.Token);
                return socket;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                refusal ??= e;
            }
        }

        throw new RpcException(
            new Status(
                StatusCode.Unavailable, $"nobody answers at port {port} of the guest's localhost: {refusal!.Message}"));
    }
}
