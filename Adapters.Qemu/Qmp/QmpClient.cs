using System.Buffers;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Kata.Platform.Linux;

namespace Kata.Adapters.Qemu.Qmp;

/// <summary>
/// One conversation with QEMU's monitor: one reader loop, replies matched by id, events in a channel. The first reason
/// for which the connection ends is kept and fails every call that waits.
/// </summary>
internal sealed class QmpClient : IAsyncDisposable
{
    /// <summary>The list of hot-pluggable CPUs, some 300 bytes each, is the longest reply there is.</summary>
    private const int LongestLine = 1024 * 1024;

    private const int SmallestBuffer = 4096;
    private const int OldestVersion = 5;
    private const int KeptEvents = 64;

    private readonly Socket _socket;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Lock _gate = new();
    private readonly Dictionary<long, TaskCompletionSource<JsonElement>> _pending = [];
    private readonly TaskCompletionSource<QmpGreeting> _greeting = new(
        TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(KeptEvents) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });
    private readonly Task _reading;
    private long _lastId;

    private QmpClient(Socket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    /// <summary>QEMU's version, from its greeting.</summary>
    public QmpVersionNumber Version { get; private set; } = new(0, 0, 0);

    /// <summary>What happens in QEMU; the oldest are dropped if nobody reads.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>Completes with the reason when the connection is over; never faults.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>
    /// Waits for the greeting and leaves negotiation mode. The socket is owned from here on, and closed if this fails.
    /// </summary>
    public static async Task<QmpClient> OpenAsync(Socket socket, CancellationToken ct)
    {
        var client = new QmpClient(socket);
        try
        {
            var greeting = await client._greeting.Task.WaitAsync(ct);
            client.Version = greeting.Version?.Qemu ?? client.Version;
            if (client.Version.Major < OldestVersion)
                throw new QmpException(
                    $"QEMU {client.Version} is too old, {OldestVersion}.0 is the oldest that works", "GenericError");
            await client.ExecuteAsync("qmp_capabilities", ct);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Executes a command without arguments.</summary>
    public Task<JsonElement> ExecuteAsync(string command, CancellationToken ct) =>
        ExecuteAsync<object>(command, null, null, ct);

    /// <summary>Executes a command and answers what it returned.</summary>
    /// <exception cref="QmpException">It was refused, or the connection is over.</exception>
    public Task<JsonElement> ExecuteAsync<T>(
        string command, T? arguments, JsonTypeInfo<T>? type, CancellationToken ct) =>
        ExecuteAsync(command, arguments, type, null, ct);

    /// <summary>Executes a command with an open file beside it, which stays the caller's.</summary>
    /// <exception cref="QmpException">It was refused, or the connection is over.</exception>
    public async Task<JsonElement> ExecuteAsync<T>(
        string command, T? arguments, JsonTypeInfo<T>? type, SafeHandle? descriptor, CancellationToken ct)
    {
        var reply = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        var id = Interlocked.Increment(ref _lastId);
        lock (_gate)
        {
            if (_closed.Task.IsCompletedSuccessfully)
                throw Lost(_closed.Task.Result);
            _pending.Add(id, reply);
        }

        try
        {
            await _sending.WaitAsync(ct);
            // Half a command would spoil the stream: the caller may leave, the write goes on.
            await SendAsync(Print(command, id, arguments, type), descriptor).WaitAsync(ct);
            return await reply.Task.WaitAsync(ct);
        }
        finally
        {
            lock (_gate)
                _pending.Remove(id);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Abort("closed by us");
        await _reading;
    }

    private static byte[] Print<T>(string command, long id, T? arguments, JsonTypeInfo<T>? type)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(line))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            writer.WriteNumber("id", id);
            if (type is not null)
            {
                writer.WritePropertyName("arguments");
                JsonSerializer.Serialize(writer, arguments!, type);
            }
            writer.WriteEndObject();
        }
        line.Write("\n"u8);
        return line.WrittenSpan.ToArray();
    }

    private async Task SendAsync(ReadOnlyMemory<byte> line, SafeHandle? descriptor)
    {
        try
        {
            if (descriptor is not null)
            {
                // QEMU keeps what comes with any byte of a command until the command takes it.
                while (!FdPassing.TrySend(_socket.SafeHandle, line.Span[..1], descriptor))
                    await Poller.WaitWritableAsync(_socket.SafeHandle);
                line = line[1..];
            }
            while (!line.IsEmpty)
                line = line[await _socket.SendAsync(line, SocketFlags.None)..];
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException or LinuxException)
        {
            Abort($"write failed: {failure.Message}");
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[SmallestBuffer];
        var length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                {
                    if (length >= LongestLine)
                    {
                        Abort($"a line is longer than {LongestLine} bytes");
                        return;
                    }
                    Array.Resize(ref buffer, Math.Min(length * 2, LongestLine));
                }
                var read = await _socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None);
                if (read == 0)
                {
                    Abort("QEMU closed the connection");
                    return;
                }
                length = TakeLines(buffer, length, length + read);
                if (length == 0 && buffer.Length > SmallestBuffer)
                    buffer = new byte[SmallestBuffer];
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            Abort($"read failed: {failure.Message}");
        }
        catch (JsonException malformed)
        {
            Abort($"not QMP: {malformed.Message}");
        }
    }

    /// <summary>Handles the complete lines, moves the rest to the front and answers its length.</summary>
    private int TakeLines(byte[] buffer, int scanned, int length)
    {
        var start = 0;
        int end;
        while ((end = Array.IndexOf(buffer, (byte)'\n', Math.Max(start, scanned),
            length - Math.Max(start, scanned))) >= 0)
        {
            var line = buffer.AsSpan(start, end - start).TrimEnd((byte)'\r');
            if (!line.IsEmpty)
                Handle(JsonSerializer.Deserialize(line, QmpJson.Default.QmpMessage));
            start = end + 1;
        }
        buffer.AsSpan(start, length - start).CopyTo(buffer);
        return length - start;
    }

    private void Handle(QmpMessage? message)
    {
        if (message is null)
            return;
        if (message.Greeting is { } greeting)
            _greeting.TrySetResult(greeting);
        else if (message.Event is { } name)
            _events.Writer.TryWrite(new QmpEvent(name, message.Data));
        else if (message.Id is { } id)
            Complete(id, message);
        else if (message.Error is { } refusal)
            Abort($"QEMU did not understand us: {refusal.Description}");
    }

    private void Complete(long id, QmpMessage message)
    {
        TaskCompletionSource<JsonElement>? reply;
        lock (_gate)
            _pending.Remove(id, out reply);
        if (message.Error is { } refusal)
            reply?.TrySetException(
                new QmpException(refusal.Description ?? "no reason given", refusal.Class ?? "GenericError"));
        else
            reply?.TrySetResult(message.Return ?? default);
    }

    private void Abort(string reason)
    {
        TaskCompletionSource<JsonElement>[] waiting;
        lock (_gate)
        {
            if (!_closed.TrySetResult(reason))
                return;
            waiting = [.. _pending.Values];
            _pending.Clear();
        }
        foreach (var reply in waiting)
            reply.TrySetException(Lost(reason));
        _greeting.TrySetException(Lost(reason));
        // Nobody may have asked for the greeting yet.
        _ = _greeting.Task.Exception;
        _events.Writer.TryComplete();
        _socket.Dispose();
    }

    private static QmpException Lost(string reason) => new($"QMP connection lost: {reason}");
}
