using System.Text;
using System.Text.Unicode;
using Grpc.Core;

namespace Kata.Platform.Ttrpc;

/// <summary>The Request message, read in place: names and payload point into the frame.</summary>
internal readonly ref struct RequestEnvelope
{
    public ReadOnlySpan<byte> Service { get; private init; }

    public ReadOnlySpan<byte> Method { get; private init; }

    /// <summary>The payload's place in the frame; a length of 0 also when absent.</summary>
    public Range Payload { get; private init; }

    /// <summary>Relative time limit in nanoseconds; 0 is none, a negative one has already passed.</summary>
    public long TimeoutNano { get; private init; }

    /// <summary>Null when the request has none.</summary>
    public Metadata? Metadata { get; private init; }

    /// <exception cref="MalformedEnvelopeException">These bytes are no Request.</exception>
    public static RequestEnvelope Parse(ReadOnlySpan<byte> source)
    {
        ReadOnlySpan<byte> service = default, method = default;
        int start = 0, length = 0;
        long timeout = 0;
        Metadata? metadata = null;
        var fields = new FieldReader(source);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1 when fields.IsBytes:
                    service = Text(fields.Bytes);
                    break;
                case 2 when fields.IsBytes:
                    method = Text(fields.Bytes);
                    break;
                case 3 when fields.IsBytes:
                    (start, length) = (fields.Start, fields.Length);
                    break;
                case 4 when fields.IsNumber:
                    timeout = (long)fields.Number;
                    break;
                case 5 when fields.IsBytes:
                    AddMetadata(metadata ??= [], fields.Bytes);
                    break;
            }
        }

        return new RequestEnvelope
        {
            Service = service,
            Method = method,
            Payload = new Range(start, start + length),
            TimeoutNano = timeout,
            Metadata = metadata,
        };
    }

    internal static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> bytes) =>
        Utf8.IsValid(bytes) ? bytes : throw new MalformedEnvelopeException("string field contains invalid UTF-8");

    private static void AddMetadata(Metadata metadata, ReadOnlySpan<byte> pair)
    {
        ReadOnlySpan<byte> key = default, value = default;
        var fields = new FieldReader(pair);
        while (fields.Next())
        {
            if (fields.Field == 1 && fields.IsBytes)
                key = Text(fields.Bytes);
            else if (fields.Field == 2 && fields.IsBytes)
                value = Text(fields.Bytes);
        }

        // ttRPC allows any key, the standard type only these: others cannot reach a handler.
        if (key.IsEmpty || key.IndexOfAnyExcept(MetadataKey.Characters) >= 0)
            return;

        var name = Encoding.ASCII.GetString(key);
        metadata.Add(name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase)
            ? new Metadata.Entry(name, FromBase64(value))
            : new Metadata.Entry(name, Encoding.UTF8.GetString(value)));
    }

    // The wire has only text: binary values travel as base64, and one that is not is taken as it is.
    private static byte[] FromBase64(ReadOnlySpan<byte> text)
    {
        var bytes = new byte[text.Length];
        return System.Buffers.Text.Base64.DecodeFromUtf8(text, bytes, out _,
            out var count) == System.Buffers.OperationStatus.Done
            ? bytes[..count]
            : text.ToArray();
    }
}

internal static class MetadataKey
{
    public static readonly System.Buffers.SearchValues<byte> Characters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."u8);
}

/// <summary>The Response message, read in place.</summary>
internal readonly ref struct ResponseEnvelope
{
    /// <summary>0 both when the status is absent and when it says so.</summary>
    public int Code { get; private init; }

    public ReadOnlySpan<byte> Message { get; private init; }

    public Range Payload { get; private init; }

    /// <exception cref="MalformedEnvelopeException">These bytes are no Response.</exception>
    public static ResponseEnvelope Parse(ReadOnlySpan<byte> source)
    {
        var code = 0;
        ReadOnlySpan<byte> message = default;
        int start = 0, length = 0;
        var fields = new FieldReader(source);
        while (fields.Next())
        {
            if (fields.Field == 1 && fields.IsBytes)
            {
                var status = new FieldReader(fields.Bytes);
                while (status.Next())
                {
                    if (status.Field == 1 && status.IsNumber)
                        code = unchecked((int)status.Number);
                    else if (status.Field == 2 && status.IsBytes)
                        message = RequestEnvelope.Text(status.Bytes);
                }
            }
            else if (fields.Field == 2 && fields.IsBytes)
            {
                (start, length) = (fields.Start, fields.Length);
            }
        }

        return new ResponseEnvelope { Code = code, Message = message, Payload = new Range(start, start + length) };
    }

    public Status ToStatus() => Code == 0
        ? Status.DefaultSuccess
        : new Status(
            Code is > 0 and <= (int)StatusCode.Unauthenticated
                ? (StatusCode)Code
                : StatusCode.Unknown, Encoding.UTF8.GetString(Message));
}
