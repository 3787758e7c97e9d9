using Google.Protobuf;
using Grpc.Core;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Platform.Ttrpc;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    public async Task RelayPortAsync(int port, ILocalConnection connection, CancellationToken ct)
    {
        try
        {
            using var call = _ports.Connect(new CallOptions(cancellationToken: ct));
            await call.RequestStream.WriteAsync(new Proto.Segment { Port = (uint)port }, CancellationToken.None);
            if (!await call.ResponseStream.MoveNext(ct))
                throw new KataException(ErrorKind.Unavailable, "the guest agent ended the connection before it began");
            await StreamRelay.RunAsync(
                connection.Bytes,
                connection.EndOutput,
                segment => call.RequestStream.WriteAsync(ToProto(segment)),
                async limit =>
                    await call.ResponseStream.MoveNext(limit) ? FromProto(call.ResponseStream.Current) : null,
                ct);
        }
        catch (RpcException e) when (!ct.IsCancellationRequested)
        {
            throw AgentErrors.Translate(e, "Connect", limit: null);
        }
        catch (InvalidDataException e)
        {
            throw new KataException(
                ErrorKind.Unavailable, $"the guest breaks the rules of a relayed connection: {e.Message}", e);
        }
    }

    private static Proto.Segment ToProto(RelaySegment segment) => new()
    {
        Data = UnsafeByteOperations.UnsafeWrap(segment.Data),
        End = segment.IsEnd,
        Consumed = (uint)segment.Consumed,
    };

    private static RelaySegment FromProto(Proto.Segment segment) =>
        new(segment.Data.Memory, segment.End, (int)Math.Min(segment.Consumed, int.MaxValue));
}
