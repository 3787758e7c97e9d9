using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kata.Adapters.Shimv2.Management;

/// <summary>A request of HTTP/1.1, as small as the few tools make it that ask here; and its answer.</summary>
/// <param name="Method">Such as GET.</param>
/// <param name="Path">Without the query.</param>
/// <param name="Query">The query's values, decoded.</param>
/// <param name="Body">The body.</param>
internal sealed record HttpMessage(string Method, string Path, IReadOnlyDictionary<string, string> Query, byte[] Body)
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>Reads one request; null for what is none, or too large.</summary>
    public static async Task<HttpMessage?> ReadAsync(Socket socket, CancellationToken ct)
    {
        var buffer = new byte[MaxBytes];
        var (length, end) = (0, -1);
        while (end < 0)
        {
            if (length == buffer.Length
                || await socket.ReceiveAsync(buffer.AsMemory(length), ct) is not (> 0 and var read))
                return null;
            length += read;
            end = buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8);
        }

        var lines = Encoding.Latin1.GetString(buffer, 0, end).Split("\r\n");
        if (lines[0].Split(' ') is not [var method, var target, _])
            return null;
        var (start, body) = (end + 4, BodyLength(lines));
        if (body > buffer.Length - start)
            return null;
        while (length < start + body)
        {
            if (await socket.ReceiveAsync(buffer.AsMemory(length), ct) is not (> 0 and var read))
                return null;
            length += read;
        }

        var question = target.IndexOf('?', StringComparison.Ordinal);
        return new HttpMessage(
            method, question < 0
                ? target
                : target[..question], Parse(question < 0 ? "" : target[(question + 1)..]),
                buffer[start..(start + body)]);
    }

    /// <summary>Answers and says that no more will come.</summary>
    public static async Task AnswerAsync(Socket socket, int status, string body, CancellationToken ct)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var reason = status switch
        {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            _ => "Internal Server Error",
        };
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 {status} {reason}\r\nContent-Length: {bytes.Length}\r\nConnection: close\r\n\r\n");
        await socket.SendAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. bytes], ct);
    }

    private static int BodyLength(IEnumerable<string> lines)
    {
        const string name = "content-length:";
        var line = lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.OrdinalIgnoreCase));
        return line is null ? 0
            : int.TryParse(line[name.Length..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            ? length
            : int.MaxValue;
    }

    private static Dictionary<string, string> Parse(string query)
    {
        var values = new Dictionary<string, string>();
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            values[equals < 0 ? pair : pair[..equals]] = equals < 0
                ? ""
                : Uri.UnescapeDataString(pair[(equals + 1)..].Replace('+', ' '));
        }

        return values;
    }
}
