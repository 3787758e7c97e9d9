using System.Net.Sockets;
using System.Text;

namespace Kata.Tests.Scripted;

/// <summary>
/// QEMU's side of a QMP conversation, word for word: a test says what is sent and asks what came. It knows no rules of
/// QMP, so that it can break them.
/// </summary>
public sealed class ScriptedQmpServer : IDisposable
{
    /// <summary>The greeting of a QEMU that works.</summary>
    public const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": ["oob"]}}""";

    private readonly Socket _server;
    private readonly StreamReader _reader;

    private ScriptedQmpServer(Socket server, Socket client)
    {
        _server = server;
        Client = client;
        _reader = new StreamReader(new NetworkStream(server), Encoding.UTF8);
    }

    /// <summary>The other end, for the client under test.</summary>
    public Socket Client { get; }

    /// <summary>A connected pair.</summary>
    public static ScriptedQmpServer Start()
    {
        var directory = Directory.CreateTempSubdirectory("qmp").FullName;
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            var address = new UnixDomainSocketEndPoint(Path.Combine(directory, "s"));
            listener.Bind(address);
            listener.Listen(1);
            var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(address);
            return new ScriptedQmpServer(listener.Accept(), client);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Sends a line.</summary>
    public Task SayAsync(string line) => SendAsync(Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await _server.SendAsync(bytes, SocketFlags.None)..];
    }

    /// <summary>The next line that the client sent; null if it has closed.</summary>
    public Task<string?> HearAsync() => _reader.ReadLineAsync();

    /// <summary>Greets and accepts the capabilities.</summary>
    public async Task NegotiateAsync()
    {
        await SayAsync(Greeting);
        await HearAsync();
        await SayAsync("""{"return": {}, "id": 1}""");
    }

    /// <summary>Ends the connection.</summary>
    public void HangUp() => _server.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader.Dispose();
        _server.Dispose();
        Client.Dispose();
    }
}
