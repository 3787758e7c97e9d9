using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using Kata.Tests.EndToEnd.Containerd;

namespace Kata.Tests.EndToEnd.Pods;

/// <summary>
/// A stream of the CRI plugin's streaming server, which listens on the private host's loopback: a web socket whose
/// frames begin with the number of their channel.
/// </summary>
internal sealed class PodStream : IAsyncDisposable
{
    public const byte Stdin = 0;
    public const byte Stdout = 1;
    public const byte Stderr = 2;
    public const byte Outcome = 3;
    public const byte Resize = 4;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Process _connection;
    private readonly WebSocket _socket;
    private readonly Dictionary<byte, MemoryStream> _channels = [];
    private readonly byte[] _buffer = new byte[64 * 1024];

    private PodStream(Process connection, WebSocket socket)
    {
        _connection = connection;
        _socket = socket;
    }

    public static async Task<PodStream> OpenAsync(PrivateContainerd host, string url)
    {
        var uri = new Uri(url);
        var start = new ProcessStartInfo("nsenter")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false
        };
        foreach (var word in new[] { $"--net=/proc/{host.InitPid}/ns/net", "busybox", "nc", uri.Host, uri.Port.ToString(CultureInfo.InvariantCulture) })
            start.ArgumentList.Add(word);
        var connection = Process.Start(start)!;
        try
        {
            var stream = new TwoWay(connection.StandardOutput.BaseStream, connection.StandardInput.BaseStream);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"GET {uri.PathAndQuery} HTTP/1.1\r\nHost: {uri.Authority}\r\nOrigin: http://{uri.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"));
            await stream.FlushAsync();
            var head = await ReadHeadAsync(stream);
            if (!head.StartsWith("HTTP/1.1 101", StringComparison.Ordinal))
                throw new InvalidOperationException($"{url}: {head}");
            return new PodStream(
                connection,
                WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { SubProtocol = "v4.channel.k8s.io" }));
        }
        catch
        {
            connection.Kill();
            throw;
        }
    }

    public Task WriteAsync(byte channel, string text) => WriteAsync(channel, Encoding.UTF8.GetBytes(text));

    public async Task WriteAsync(byte channel, ReadOnlyMemory<byte> bytes) =>
        await _socket.SendAsync(
            new byte[] { channel }.Concat(bytes.ToArray()).ToArray(), WebSocketMessageType.Binary, true,
            CancellationToken.None);

    /// <summary>Reads on until a channel holds a text; gives all that the channel holds.</summary>
    public async Task<string> UntilAsync(byte channel, string text)
    {
        while (!Text(channel).Contains(text, StringComparison.Ordinal))
        {
            if (!await ReadAsync())
                throw new InvalidOperationException($"the stream ended without '{text}'; {Describe()}");
        }

        return Text(channel);
    }

    /// <summary>Reads to the end.</summary>
    public async Task ToEndAsync()
    {
        while (await ReadAsync())
        {
        }
    }

    public string Text(byte channel) =>
        _channels.TryGetValue(channel, out var held) ? Encoding.UTF8.GetString(held.ToArray()) : "";

    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        _socket.Dispose();
        if (!_connection.HasExited)
            _connection.Kill();
        await _connection.WaitForExitAsync();
        _connection.Dispose();
    }

    private async Task<bool> ReadAsync()
    {
        using var deadline = new CancellationTokenSource(Limit);
        var message = new MemoryStream();
        try
        {
            while (true)
            {
                var piece = await _socket.ReceiveAsync(_buffer.AsMemory(), deadline.Token);
                if (piece.MessageType == WebSocketMessageType.Close)
                    return false;
                message.Write(_buffer, 0, piece.Count);
                if (piece.EndOfMessage)
                    break;
            }
        }
        catch (WebSocketException)
        {
            return false;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"nothing came for {Limit.TotalSeconds} s; {Describe()}");
        }

        var bytes = message.ToArray();
        if (bytes.Length == 0)
            return true;
        if (!_channels.TryGetValue(bytes[0], out var channel))
            _channels[bytes[0]] = channel = new MemoryStream();
        channel.Write(bytes.AsSpan(1));
        return true;
    }

    private string Describe() => string.Join("; ", _channels.Keys.Select(c => $"channel {c}: '{Text(c)}'"));

    private static async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        using var deadline = new CancellationTokenSource(Limit);
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal)
            && await stream.ReadAsync(one, deadline.Token) == 1)
            head.Append((char)one[0]);
        return head.ToString();
    }

    private sealed class TwoWay(Stream from, Stream to) : Stream
    {
        public override bool CanRead => true;
        public override bool CanWrite => true;
        public override bool CanSeek => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => from.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            from.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count)
        {
            to.Write(buffer, offset, count);
            to.Flush();
        }

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await to.WriteAsync(buffer, cancellationToken);
            await to.FlushAsync(cancellationToken);
        }

        public override void Flush() => to.Flush();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
