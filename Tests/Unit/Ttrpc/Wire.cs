using System.Net.Sockets;
using Google.Protobuf;
using Kata.Platform.Ttrpc;

namespace Kata.Tests.Unit.Ttrpc;

/// <summary>Connected unix sockets without a file.</summary>
internal static class SocketPair
{
    public static (Socket Client, Socket Server) Create()
    {
        using var listener = Listen(out var address);
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(address);
        return (client, listener.Accept());
    }

    public static Socket Listen(out UnixDomainSocketEndPoint address)
    {
        address = new UnixDomainSocketEndPoint($"\0kata-ttrpc-test-{Guid.NewGuid():N}");
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(address);
        listener.Listen(128);
        return listener;
    }

    public static async Task<Socket> ConnectAsync(UnixDomainSocketEndPoint address)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(address);
        return client;
    }
}

/// <summary>The other side of a connection, spoken frame by frame and with protobuf's own coder.</summary>
internal sealed class RawPeer(Socket socket) : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);

    public Socket Socket => socket;

    public void Dispose() => _stream.Dispose();

    public Task SendAsync(FrameType type, uint id, byte[] payload, FrameFlags flags = FrameFlags.None) =>
        SendBytesAsync(Frame(type, id, payload, flags));

    public async Task SendBytesAsync(byte[] bytes) => await _stream.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    public Task CallAsync(
        uint id, string method, byte[] payload, long timeout = 0, FrameFlags flags = FrameFlags.None) =>
        SendAsync(FrameType.Request, id, Request(NoteService.Name, method, payload, timeout), flags);

    /// <summary>The next frame; null at the end of the connection.</summary>
    public async Task<(FrameHeader Header, byte[] Payload)?> ReadAsync()
    {
        try
        {
            var header = new byte[FrameHeader.Size];
            await _stream.ReadExactlyAsync(header).AsTask().WaitAsync(Patience);
            var parsed = FrameHeader.Read(header);
            var payload = new byte[parsed.Length];
            await _stream.ReadExactlyAsync(payload).AsTask().WaitAsync(Patience);
            return (parsed, payload);
        }
        catch (Exception e) when (e is EndOfStreamException or IOException)
        {
            return null;
        }
    }

    /// <summary>The next frame, which must be a Response.</summary>
    public async Task<RawResponse> ReadResponseAsync()
    {
        var (header, payload) = await ReadAsync() ?? throw new EndOfStreamException();
        if (header.Type != FrameType.Response || header.Flags != FrameFlags.None)
            throw new InvalidDataException($"not a response: {header}");
        return RawResponse.Parse(header.StreamId, payload);
    }

    public static byte[] Frame(FrameType type, uint id, byte[] payload, FrameFlags flags = FrameFlags.None)
    {
        var bytes = new byte[FrameHeader.Size + payload.Length];
        new FrameHeader((uint)payload.Length, id, type, flags).Write(bytes);
        payload.CopyTo(bytes, FrameHeader.Size);
        return bytes;
    }

    public static byte[] Request(
        string service, string method, byte[] payload, long timeout = 0, params (string Key, string Value)[] metadata)
    {
        var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            // In another order than ours, as protobuf allows.
            foreach (var (key, value) in metadata)
            {
                output.WriteTag(5, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(Pair(key, value));
            }

            if (timeout != 0)
            {
                output.WriteTag(4, WireFormat.WireType.Varint);
                output.WriteInt64(timeout);
            }

            output.WriteTag(99, WireFormat.WireType.Fixed64);
            output.WriteFixed64(1);
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(payload));
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteString(method);
            output.WriteTag(1, WireFormat.WireType.LengthDelimited);
            output.WriteString(service);
        }

        return stream.ToArray();
    }

    public static byte[] Response(int code, string message, byte[] payload)
    {
        var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(payload));
            output.WriteTag(1, WireFormat.WireType.LengthDelimited);
            var status = new MemoryStream();
            using (var inner = new CodedOutputStream(status, leaveOpen: true))
            {
                inner.WriteTag(3, WireFormat.WireType.LengthDelimited);
                inner.WriteString("a detail");
                inner.WriteTag(2, WireFormat.WireType.LengthDelimited);
                inner.WriteString(message);
                inner.WriteTag(1, WireFormat.WireType.Varint);
                inner.WriteInt32(code);
            }

            output.WriteBytes(ByteString.CopyFrom(status.ToArray()));
        }

        return stream.ToArray();
    }

    private static ByteString Pair(string key, string value)
    {
        var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            output.WriteTag(1, WireFormat.WireType.LengthDelimited);
            output.WriteString(key);
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteString(value);
        }

        return ByteString.CopyFrom(stream.ToArray());
    }
}

/// <summary>A Response as protobuf's own coder reads it.</summary>
internal sealed record RawResponse(uint Id, bool HasStatus, int Code, string Message, byte[] Payload)
{
    public static RawResponse Parse(uint id, byte[] bytes)
    {
        var input = new CodedInputStream(bytes);
        var (hasStatus, code, message, payload) = (false, 0, "", Array.Empty<byte>());
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            if (tag == 0x0a)
            {
                hasStatus = true;
                var status = new CodedInputStream(input.ReadBytes().ToByteArray());
                uint inner;
                while ((inner = status.ReadTag()) != 0)
                {
                    if (inner == 0x08)
                        code = status.ReadInt32();
                    else if (inner == 0x12)
                        message = status.ReadString();
                    else
                        status.SkipLastField();
                }
            }
            else if (tag == 0x12)
            {
                payload = input.ReadBytes().ToByteArray();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return new RawResponse(id, hasStatus, code, message, payload);
    }
}

/// <summary>A Request as protobuf's own coder reads it.</summary>
internal sealed record RawRequest(
    string Service, string Method, byte[] Payload, long Timeout, IReadOnlyList<(string Key, string Value)> Metadata)
{
    public static RawRequest Parse(byte[] bytes)
    {
        var input = new CodedInputStream(bytes);
        string service = "", method = "";
        var payload = Array.Empty<byte>();
        long timeout = 0;
        var metadata = new List<(string, string)>();
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            switch (tag)
            {
                case 0x0a:
                    service = input.ReadString();
                    break;
                case 0x12:
                    method = input.ReadString();
                    break;
                case 0x1a:
                    payload = input.ReadBytes().ToByteArray();
                    break;
                case 0x20:
                    timeout = input.ReadInt64();
                    break;
                case 0x2a:
                    var pair = new CodedInputStream(input.ReadBytes().ToByteArray());
                    string key = "", value = "";
                    uint inner;
                    while ((inner = pair.ReadTag()) != 0)
                        _ = inner == 0x0a ? key = pair.ReadString() : value = pair.ReadString();
                    metadata.Add((key, value));
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return new RawRequest(service, method, payload, timeout, metadata);
    }
}

/// <summary>A clock that stands until it is moved.</summary>
internal sealed class StandingClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public int TimerCount
    {
        get
        {
            lock (_gate)
                return _timers.Count;
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
            return _now;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_gate)
        {
            var timer = new Timer(this, callback, state, _now + dueTime);
            _timers.Add(timer);
            return timer;
        }
    }

    public void Advance(TimeSpan time)
    {
        Timer[] due;
        lock (_gate)
        {
            _now += time;
            due = [.. _timers.Where(t => t.Due <= _now)];
            _timers.RemoveAll(t => t.Due <= _now);
        }

        foreach (var timer in due)
            timer.Fire();
    }

    private sealed class Timer(StandingClock clock, TimerCallback callback, object? state, DateTimeOffset due) : ITimer
    {
        public DateTimeOffset Due => due;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

        public void Dispose()
        {
            lock (clock._gate)
                clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>A server with the note service on one end of a pair of sockets.</summary>
internal sealed class Served : IAsyncDisposable
{
    public Served(TtrpcServerOptions? options = null, NoteService? service = null, bool overStream = false)
    {
        Service = service ?? new NoteService();
        Server = new TtrpcServer(options);
        Server.AddService(Service.Bind);
        (var client, ServerSocket) = SocketPair.Create();
        Client = client;
        Serving = overStream
            ? Server.ServeConnectionAsync(
                new ForeignStream(new NetworkStream(ServerSocket, ownsSocket: true)), CancellationToken.None)
            : Server.ServeConnectionAsync(ServerSocket, CancellationToken.None);
    }

    public NoteService Service { get; }

    public TtrpcServer Server { get; }

    public Socket Client { get; }

    public Socket ServerSocket { get; }

    public Task Serving { get; }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>Lets nothing in until it is opened.</summary>
internal sealed class GatedStream(Stream inner) : ForeignStream(inner)
{
    private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Open() => _open.TrySetResult();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _open.Task.WaitAsync(cancellationToken);
        return await base.ReadAsync(buffer, cancellationToken);
    }
}

/// <summary>A stream nobody can look through to its socket.</summary>
internal class ForeignStream(Stream inner) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(buffer, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }
}
