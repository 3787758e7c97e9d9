using System.Text;
using Google.Protobuf;
using Kata.Platform.Ttrpc;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Tests.Unit.Hostile;

/// <summary>What a hostile agent does with a call instead of answering it.</summary>
internal enum Lie
{
    /// <summary>Never answers.</summary>
    Withhold,

    /// <summary>Answers after others that were asked later.</summary>
    Reorder,

    /// <summary>Answers when the host may have given up.</summary>
    Late,

    /// <summary>Answers many times.</summary>
    Repeat,

    /// <summary>Any status, with a text of any length and any characters.</summary>
    Error,

    /// <summary>An answer that says what no honest agent says.</summary>
    Nonsense,

    /// <summary>Bytes where the answer should be.</summary>
    BadPayload,

    /// <summary>A frame whose content is no answer.</summary>
    BadEnvelope,

    /// <summary>An answer of many small parts, as large as the host takes.</summary>
    ManyParts,

    /// <summary>The same, of the largest frame that there may be.</summary>
    HugeFrame,

    /// <summary>An answer to another call, or to none.</summary>
    OtherStream,

    /// <summary>A frame of another kind.</summary>
    OtherType,

    /// <summary>A thousand frames that nobody has asked for.</summary>
    Flood,

    /// <summary>Bytes that are no frames.</summary>
    Garbage,

    /// <summary>The end of the connection.</summary>
    HangUp,
}

/// <summary>Makes the lies' bytes.</summary>
internal sealed class HostileAnswers(Random random)
{
    private static readonly byte[] Parts = Envelope(ManyParts(250 * 1024));
    private static readonly byte[] MoreParts = Envelope(ManyParts(TtrpcLimits.MaxMessage - 64));

    // Those that end the conversation are rare, or there would be little of it.
    private static readonly Lie[] Rare = [Lie.Garbage, Lie.HangUp];

    /// <summary>The containers that the host has spoken of.</summary>
    public HashSet<string> Known { get; } = [];

    /// <summary>One of the lies.</summary>
    public static Lie Any(Random random)
    {
        while (true)
        {
            var lie = Enum.GetValues<Lie>()[random.Next(Enum.GetValues<Lie>().Length)];
            if (!Rare.Contains(lie) || random.Next(30) == 0)
                return lie;
        }
    }

    /// <summary>An answer's message around its payload.</summary>
    public static byte[] Envelope(ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[16 + payload.Length];
        bytes[0] = 2 << 3 | 2;
        var at = 1 + Varint.Write(bytes.AsSpan(1), (uint)payload.Length);
        payload.CopyTo(bytes.AsSpan(at));
        return bytes[..(at + payload.Length)];
    }

    /// <summary>The bytes of a lie.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Lies(Lie lie, uint stream, Method method)
    {
        const byte Response = (byte)FrameType.Response;
        switch (lie)
        {
            case Lie.Error:
                yield return HostileWire.Frame(stream, Response, 0, Refusal());
                break;
            case Lie.Nonsense:
                yield return HostileWire.Frame(stream, Response, 0, Envelope(Nonsense(method)));
                break;
            case Lie.BadPayload:
                yield return HostileWire.Frame(stream, Response, 0, Envelope(Bytes(200)));
                break;
            case Lie.BadEnvelope:
                yield return HostileWire.Frame(stream, Response, 0, Bytes(200));
                break;
            case Lie.ManyParts:
                yield return HostileWire.Frame(stream, Response, 0, Parts);
                break;
            case Lie.HugeFrame:
                yield return HostileWire.Frame(stream, Response, 0, MoreParts);
                break;
            case Lie.OtherStream:
                yield return HostileWire.Frame(Stream(stream), Response, 0, Envelope(Nonsense(method)));
                break;
            case Lie.OtherType:
                yield return HostileWire.Frame(stream, (byte)random.Next(256), (byte)random.Next(256), Bytes(200));
                break;
            case Lie.Flood:
                for (var i = 0; i < 1000; i++)
                    yield return HostileWire.Frame(
                        Stream(stream), (byte)random.Next(1, 4), (byte)random.Next(8), Bytes(100));
                break;
            case Lie.Garbage:
                yield return Bytes(100_000);
                break;
        }
    }

    private static byte[] ManyParts(int size)
    {
        // Figures of links without a figure: two bytes of an answer about a container's use, unknown fields of any
        // other.
        var bytes = new byte[size];
        for (var i = 0; i + 1 < size; i += 2)
            bytes[i] = 2 << 3 | 2;
        return bytes[..(size / 2 * 2)];
    }

    // Those of living calls are small and close to this one.
    private uint Stream(uint near) =>
        random.Next(3) == 0
            ? (uint)random.NextInt64(uint.MaxValue)
            : (uint)Math.Max(0, near - (2 * random.Next(-3, 10)));

    private byte[] Bytes(int most)
    {
        var bytes = new byte[random.Next(most)];
        random.NextBytes(bytes);
        return bytes;
    }

    private byte[] Refusal()
    {
        var text = Encoding.UTF8.GetBytes(Text());
        var status = new byte[text.Length + 32];
        status[0] = 1 << 3;
        var at = 1 + Varint.Write(status.AsSpan(1), (uint)random.Next(1, 20));
        status[at++] = 2 << 3 | 2;
        at += Varint.Write(status.AsSpan(at), (uint)text.Length);
        text.CopyTo(status, at);
        var envelope = Envelope(status.AsSpan(0, at + text.Length));
        envelope[0] = 1 << 3 | 2;
        return envelope;
    }

    private string Text() => random.Next(6) switch
    {
        0 => "",
        1 => new string('x', random.Next(200_000)),
        2 => "a\nb\r\0\u001b[2J\u202e" + new string('\n', random.Next(2000)),
        3 => "no such process",
        4 => "cannot get stream reader",
        _ => "ETIME ESRCH EIO invalid container id not paused no tty",
    };

    private string Container() => random.Next(4) switch
    {
        0 => $"made-up-{random.Next()}",
        1 => "../../etc",
        2 => new string('c', random.Next(5000)),
        _ => Known.ElementAtOrDefault(random.Next(Known.Count)) ?? "pod",
    };

    private byte[] Nonsense(Method method)
    {
        IMessage message = method.Name switch
        {
            "Check" =>
                new Proto.HealthCheckResponse
                {
                    Status = (Proto.HealthCheckResponse.Types.ServingStatus)random.Next(-2, 9)
                },
            "GetGuestDetails" => new Proto.GuestDetailsResponse
            {
                MemBlockSizeBytes = (ulong)random.NextInt64(),
                AgentDetails = new Proto.AgentDetails { Version = Text(), StorageHandlers = { Text() } },
            },
            "GetOOMEvent" => new Proto.OOMEvent { ContainerId = Container() },
            "WaitProcess" => new Proto.WaitProcessResponse { Status = random.Next(int.MinValue, int.MaxValue) },
            "WriteStdin" => new Proto.WriteStreamResponse { Len = (uint)random.NextInt64(uint.MaxValue) },
            "ReadStdout" or "ReadStderr" =>
                new Proto.ReadStreamResponse
                {
                    Data = ByteString.CopyFrom(new byte[(int)method.Number + random.Next(1, 100_000)])
                },
            "StatsContainer" => Figures(),
            _ => new Proto.OOMEvent { ContainerId = Text() },
        };
        return message.ToByteArray();
    }

    private Proto.StatsContainerResponse Figures()
    {
        var memory = new Proto.MemoryStats { Usage = new Proto.MemoryData { Usage = ulong.MaxValue } };
        for (var i = 0; i < 2000; i++)
            memory.Stats[$"key {i}"] = ulong.MaxValue;
        return new Proto.StatsContainerResponse
        {
            CgroupStats = new Proto.CgroupStats { MemoryStats = memory },
            NetworkStats = { Enumerable.Repeat(new Proto.NetworkStats { Name = new string('n', 300) }, 500) },
        };
    }
}
