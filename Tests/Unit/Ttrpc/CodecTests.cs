using CsCheck;
using FluentAssertions;
using Grpc.Core;
using Kata.Platform.Ttrpc;
using Xunit;

namespace Kata.Tests.Unit.Ttrpc;

public sealed class CodecTests
{
    private static readonly Gen<byte[]> Payload = Gen.OneOf(
        Gen.Byte.Array[0, 40], Gen.Byte.Array[100, 300], Gen.Byte.Array[16_000, 17_000])
        .Select(bytes => bytes is [0xff, ..] ? [0, .. bytes] : bytes);

    private static readonly Gen<string> Text = Gen.String[Gen.Char['\u0001', '\u2fff'], 0, 40];

    private static readonly Gen<(string Key, string Value)[]> Pairs =
        Gen.Select(
            Gen.String[Gen.Char["abcxyz019-_."], 1, 12].Where(k => !k.EndsWith("-bin", StringComparison.Ordinal)),
            Text).Array[0, 4];

    [Fact]
    public void Request_when_built_reads_back_the_same_here_and_in_protobuf() =>
        Gen.Select(Text, Text, Payload, Gen.Long, Pairs).Sample((service, method, payload, timeout, pairs) =>
        {
            var metadata = new Metadata();
            foreach (var (key, value) in pairs)
                metadata.Add(key, value);

            var frame = FrameBuilder.Request(
                service, method, Note.Marshaller, new Note(payload), FrameFlags.None, timeout, metadata,
                TtrpcLimits.MaxMessage);
            var header = FrameHeader.Read(frame.Span);
            var body = frame.Span[FrameHeader.Size..].ToArray();
            frame.Return();

            header.Should().Be(new FrameHeader((uint)body.Length, 0, FrameType.Request, FrameFlags.None));
            var reference = RawRequest.Parse(body);
            reference.Should().BeEquivalentTo(new RawRequest(service, method, payload, timeout, pairs));
            Check(body, service, method, payload, timeout, pairs);
        });

    [Fact]
    public void Request_when_written_in_another_field_order_with_unknown_fields_reads_the_same() =>
        Gen.Select(Text, Text, Payload, Gen.Long, Pairs).Sample((service, method, payload, timeout, pairs) =>
            Check(RawPeer.Request(service, method, payload, timeout, pairs), service, method, payload, timeout, pairs));

    [Fact]
    public void Response_when_built_reads_back_the_same_here_and_in_protobuf() =>
        Payload.Sample(payload =>
        {
            var frame = FrameBuilder.Response(7, Note.Marshaller, new Note(payload), TtrpcLimits.MaxMessage);
            var body = frame.Span[FrameHeader.Size..].ToArray();
            FrameHeader.Read(frame.Span)
                .Should().Be(new FrameHeader((uint)body.Length, 7, FrameType.Response, FrameFlags.None));
            frame.Return();

            RawResponse.Parse(7, body).Should().BeEquivalentTo(new RawResponse(7, true, 0, "", payload));
            var response = ResponseEnvelope.Parse(body);
            response.Code.Should().Be(0);
            body[response.Payload].Should().Equal(payload);
        });

    [Fact]
    public void Error_when_built_reads_back_the_same_here_and_in_protobuf() =>
        Gen.Select(Gen.Int[1, 16], Text).Sample((code, text) =>
        {
            var frame = FrameBuilder.Error(9, (StatusCode)code, text);
            var body = frame.Span[FrameHeader.Size..].ToArray();
            frame.Return();

            RawResponse.Parse(9, body).Should().BeEquivalentTo(new RawResponse(9, true, code, text, []));
            var status = ResponseEnvelope.Parse(body).ToStatus();
            status.StatusCode.Should().Be((StatusCode)code);
            status.Detail.Should().Be(text);
        });

    [Fact]
    public void Response_when_its_status_is_of_no_known_code_becomes_unknown()
    {
        ResponseEnvelope.Parse(RawPeer.Response(77, "odd", [])).ToStatus()
            .Should().BeEquivalentTo(new Status(StatusCode.Unknown, "odd"));
        ResponseEnvelope.Parse(RawPeer.Response(-1, "odd", [])).ToStatus().StatusCode.Should().Be(StatusCode.Unknown);
    }

    [Fact]
    public void Metadata_when_binary_travels_as_bytes()
    {
        var metadata = new Metadata { { "trace-bin", new byte[] { 0, 1, 255 } } };

        var frame = FrameBuilder.Request(
            "s", "m", Note.Marshaller, new Note("x"), FrameFlags.None, 0, metadata, TtrpcLimits.MaxMessage);
        var request = RequestEnvelope.Parse(frame.Span[FrameHeader.Size..]);

        request.Metadata!.GetValueBytes("trace-bin").Should().Equal(0, 1, 255);
    }

    [Fact]
    public void Metadata_when_its_key_cannot_be_a_header_is_left_out()
    {
        var request = RequestEnvelope.Parse(
            RawPeer.Request("s", "m", [], 0, ("bad key", "1"), ("", "2"), ("Good", "3")));

        request.Metadata!.Should().ContainSingle()
            .Which.Should().Match<Metadata.Entry>(e => e.Key == "good" && e.Value == "3");
    }

    [Fact]
    public void Envelope_when_random_bytes_is_read_or_refused() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            try
            {
                _ = RequestEnvelope.Parse(bytes).Payload;
                _ = ResponseEnvelope.Parse(bytes).Code;
            }
            catch (MalformedEnvelopeException)
            {
            }
        });

    [Fact]
    public void Envelope_when_cut_short_anywhere_is_read_or_refused()
    {
        var whole = RawPeer.Request("test.Notes", "Unary", [1, 2, 3], 5, ("k", "v"));

        for (var length = 0; length < whole.Length; length++)
        {
            var part = whole[..length];
            var read = () => { _ = RequestEnvelope.Parse(part).Payload; };
            try
            {
                read();
            }
            catch (MalformedEnvelopeException)
            {
            }
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x00, 0x01 }, "invalid field number")]
    [InlineData(new byte[] { 0x0b }, "unsupported wire type")]
    [InlineData(new byte[] { 0x0a, 0x05, 0x61 }, "unexpected end of message")]
    [InlineData(new byte[] { 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 },
        "unexpected end of message")]
    [InlineData(new byte[] { 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 },
        "invalid variable-length number")]
    [InlineData(new byte[] { 0x09, 0x01 }, "unexpected end of message")]
    [InlineData(new byte[] { 0x0a, 0x01, 0xff }, "string field contains invalid UTF-8")]
    public void Request_when_damaged_is_refused_with_the_reason(byte[] bytes, string reason)
    {
        var parse = () => { _ = RequestEnvelope.Parse(bytes).Payload; };

        parse.Should().Throw<MalformedEnvelopeException>().WithMessage(reason);
    }

    [Fact]
    public void Varint_when_written_has_the_promised_size_and_reads_back() =>
        Gen.ULong.Sample(value =>
        {
            var bytes = new byte[10];
            var size = Varint.Write(bytes, value);

            size.Should().Be(Varint.SizeOf(value));
            Varint.Read(bytes, out var back).Should().Be(size);
            back.Should().Be(value);
        });

    [Fact]
    public void Stream_of_bytes_when_split_anywhere_gives_the_same_frames() =>
        Gen.Select(
            Gen.Select(
                Gen.UInt, Gen.Byte[0, 4], Gen.Byte[0, 7],
                Gen.OneOf(Gen.Byte.Array[0, 30], Gen.Byte.Array[4000, 9000])).Array[1, 12],
            Gen.Int[1, 6000].Array[1, 20]).Sample((frames, cuts) =>
        {
            const int limit = 8000;
            var bytes = frames.SelectMany(
                f => RawPeer.Frame((FrameType)f.Item2, f.Item1, f.Item4, (FrameFlags)f.Item3)).ToArray();
            using var reader = new FrameReader(limit);
            var read = new List<(FrameHeader Header, byte[]? Payload)>();

            Feed(reader, bytes, cuts, read);

            read.Should().HaveCount(frames.Length);
            for (var i = 0; i < frames.Length; i++)
            {
                read[i].Header.Should().Be(
                    new FrameHeader(
                        (uint)frames[i].Item4.Length, frames[i].Item1, (FrameType)frames[i].Item2,
                        (FrameFlags)frames[i].Item3));
                if (frames[i].Item4.Length > limit)
                    read[i].Payload.Should().BeNull();
                else
                    read[i].Payload.Should().Equal(frames[i].Item4);
            }

            reader.IsInsideFrame.Should().BeFalse();
        });

    [Fact]
    public void Stream_of_bytes_when_garbage_never_holds_more_than_arrived_or_one_frame() =>
        Gen.Select(Gen.Byte.Array[0, 3000], Gen.Int[1, 500].Array[1, 10]).Sample((bytes, cuts) =>
        {
            using var reader = new FrameReader(TtrpcLimits.MaxMessage);

            Feed(reader, bytes, cuts, []);

            reader.BufferSize.Should().BeLessThanOrEqualTo(TtrpcLimits.InitialBuffer);
        });

    [Fact]
    public void Buffer_when_a_large_frame_has_passed_is_given_back()
    {
        using var reader = new FrameReader(TtrpcLimits.MaxMessage);
        var read = new List<(FrameHeader, byte[]?)>();

        Feed(reader, RawPeer.Frame(FrameType.Request, 1, new byte[TtrpcLimits.MaxMessage]), [60_000], read);
        var grown = reader.BufferSize;
        reader.GetFree();

        read.Should().ContainSingle().Which.Item2.Should().HaveCount(TtrpcLimits.MaxMessage);
        grown.Should().BeGreaterThan(TtrpcLimits.MaxMessage);
        reader.BufferSize.Should().Be(TtrpcLimits.InitialBuffer);
    }

    [Fact]
    public void Builder_when_the_message_just_fits_sends_it_and_one_byte_more_is_refused()
    {
        var fits = new Note(new byte[TtrpcLimits.MaxMessage - 2 - 1 - 4]);
        var tooLarge = new Note(new byte[fits.Bytes.Length + 1]);

        var frame = FrameBuilder.Response(1, Note.Marshaller, fits, TtrpcLimits.MaxMessage);
        var build = () => FrameBuilder.Response(1, Note.Marshaller, tooLarge, TtrpcLimits.MaxMessage);

        FrameHeader.Read(frame.Span).Length.Should().Be(TtrpcLimits.MaxMessage);
        frame.Return();
        build.Should().Throw<MessageTooLargeException>().WithMessage(
            $"message length {TtrpcLimits.MaxMessage + 1} exceed maximum message size of {TtrpcLimits.MaxMessage}");
    }

    [Fact]
    public void Builder_when_the_marshaller_is_of_the_simple_kind_builds_the_same()
    {
        var simple = Marshallers.Create<Note>(static n => n.Bytes, static b => new Note(b));

        var frame = FrameBuilder.Response(3, simple, new Note("abc"), TtrpcLimits.MaxMessage);

        RawResponse.Parse(3, frame.Span[FrameHeader.Size..].ToArray()).Payload.Should().Equal("abc"u8.ToArray());
    }

    private static void Check(
        byte[] body, string service, string method, byte[] payload, long timeout, (string Key, string Value)[] pairs)
    {
        var request = RequestEnvelope.Parse(body);
        System.Text.Encoding.UTF8.GetString(request.Service).Should().Be(service);
        System.Text.Encoding.UTF8.GetString(request.Method).Should().Be(method);
        body[request.Payload].Should().Equal(payload);
        request.TimeoutNano.Should().Be(timeout);
        (request.Metadata?.Select(e => (e.Key, e.Value)).ToArray() ?? []).Should().Equal(pairs);
    }

    private static void Feed(FrameReader reader, byte[] bytes, int[] cuts, List<(FrameHeader, byte[]?)> read)
    {
        for (int at = 0, i = 0; at < bytes.Length; i++)
        {
            var free = reader.GetFree();
            free.IsEmpty.Should().BeFalse();
            var count = Math.Min(Math.Min(cuts[i % cuts.Length], free.Length), bytes.Length - at);
            bytes.AsMemory(at, count).CopyTo(free);
            reader.Advance(count);
            at += count;
            while (reader.TryRead(out var header, out var payload, out var oversized))
                read.Add((header, oversized ? null : payload.ToArray()));
        }
    }
}
