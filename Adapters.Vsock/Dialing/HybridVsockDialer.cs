using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Vsock.Dialing;

/// <summary>
/// VSOCK behind a unix socket: <c>CONNECT port</c> is answered by one line <c>OK port</c>, after which the socket is
/// the connection. A VMM whose guest does not listen closes instead, and may also never answer at all: both mean "try
/// again".
/// </summary>
internal sealed class HybridVsockDialer(HybridVsockEndpoint endpoint) : IGuestDialer
{
    // "OK 4294967295" and its end of line; what is longer is no answer to CONNECT.
    private const int MaxLine = 32;

    public async Task<Socket> DialOnceAsync(CancellationToken ct)
    {
        var socket = await VmmSocket.ConnectAsync(endpoint.Socket.Value, ct);
        try
        {
            var request = string.Create(CultureInfo.InvariantCulture, $"CONNECT {endpoint.Port}\n");
            await VmmSocket.SendAsync(socket, Encoding.ASCII.GetBytes(request), ct);

            var line = await ReadLineAsync(socket, ct);
            return IsAgreement(line)
                ? socket
                : throw new KataException(
                    ErrorKind.Unavailable, $"{endpoint} answered {UntrustedText.Quote(line)} to CONNECT, not OK");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool IsAgreement(string line) => line == "OK" || line.StartsWith("OK ", StringComparison.Ordinal);

    /// <summary>Byte by byte: what follows the line already belongs to the stream.</summary>
    private static async Task<string> ReadLineAsync(Socket socket, CancellationToken ct)
    {
        var line = new byte[MaxLine];
        for (var length = 0; length < MaxLine; length++)
        {
            await VmmSocket.ReceiveAsync(socket, line.AsMemory(length, 1), ct);
            if (line[length] == (byte)'\n')
                return Encoding.Latin1.GetString(line, 0, length).TrimEnd('\r');
        }

        return Encoding.Latin1.GetString(line);
    }
}
