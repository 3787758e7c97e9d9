using System.Buffers;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>Hands a marshaller the bytes of one message where they lie; valid only during <see cref="Read"/>.</summary>
internal sealed class IncomingPayload : DeserializationContext
{
    private ReadOnlyMemory<byte> _payload;

    public override int PayloadLength => _payload.Length;

    public T Read<T>(Marshaller<T> marshaller, ReadOnlyMemory<byte> payload)
    {
        _payload = payload;
        try
        {
            return marshaller.ContextualDeserializer(this);
        }
        finally
        {
            _payload = default;
        }
    }

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => new(_payload);
}
