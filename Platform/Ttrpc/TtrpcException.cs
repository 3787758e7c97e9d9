namespace Kata.Platform.Ttrpc;

/// <summary>Why a connection ended. Failures of single calls are <see cref="Grpc.Core.RpcException"/>.</summary>
public sealed class TtrpcException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A message does not fit into one frame.</summary>
internal sealed class MessageTooLargeException(long length, long limit)
    : Exception(TextFor(length, limit))
{
    public static string TextFor(long length, long limit) =>
        $"message length {length} exceed maximum message size of {limit}";
}

/// <summary>Bytes that are no valid envelope.</summary>
internal sealed class MalformedEnvelopeException(string message) : Exception(message);
