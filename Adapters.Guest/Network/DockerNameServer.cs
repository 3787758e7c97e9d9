using System.Net;
using System.Net.Sockets;
using System.Text;
using Kata.Core.Application.Ports;
using Kata.Core.Domain.Machines;
using Kata.Core.Domain.Storage;
using Kata.Platform.Linux;

namespace Kata.Adapters.Guest.Network;

/// <summary>
/// Asks Docker's name server from within the namespace, where rules of the namespace lead to the ports that it really
/// has. A socket of its own for each question: nothing of one answer can be taken for another's.
/// </summary>
internal sealed class DockerNameServer(TimeProvider time) : INameServer
{
    private const string Address = "127.0.0.11";
    private const int LongestFile = 64 * 1024;
    private const int LongestMessage = ushort.MaxValue;
    private static readonly IPEndPoint Place = new(IPAddress.Parse(Address), 53);

    // Docker itself asks servers beyond it for up to four seconds, and then others.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public Task<bool> IsNamedByAsync(HostPath resolvConf, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        try
        {
            using var file = DescriptorIo.Open(
                resolvConf.Value, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOFOLLOW);
            if (!FileStatus.Of(file).IsRegular)
                return Task.FromResult(false);
            // The container may write it.
            var buffer = new byte[LongestFile];
            var length = DescriptorIo.TryRead(file, buffer);
            return Task.FromResult(Encoding.UTF8.GetString(buffer, 0, Math.Max(length, 0)).Split('\n').Any(IsAddress));
        }
        catch (IOException)
        {
            return Task.FromResult(false);
        }
    }

    public async Task<ReadOnlyMemory<byte>?> AskAsync(
        NetworkNamespacePath networkNamespace, NameQuestion question, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var place = networkNamespace.Path.Value;
            using var socket = await Namespaces.RunInNetworkNamespaceAsync(place, () => question.ByTcp
                ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
                : new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
            await socket.ConnectAsync(Place, either.Token);
            return question.ByTcp
                ? await ByStreamAsync(socket, question.Message, either.Token)
                : await ByDatagramAsync(socket, question.Message, either.Token);
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return null;
        }
    }

    private static bool IsAddress(string line) =>
        line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["nameserver", Address, ..];

    private static async Task<ReadOnlyMemory<byte>?> ByDatagramAsync(
        Socket socket, ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        await socket.SendAsync(message, ct);
        var answer = new byte[LongestMessage];
        return answer.AsMemory(0, await socket.ReceiveAsync(answer, ct));
    }

    private static async Task<ReadOnlyMemory<byte>?> ByStreamAsync(
        Socket socket, ReadOnlyMemory<byte> message, CancellationToken ct)
    {
        await using var stream = new NetworkStream(socket);
        await DnsStream.WriteAsync(stream, message, ct);
        return await DnsStream.ReadAsync(stream, ct) is { } answer ? answer : null;
    }
}
