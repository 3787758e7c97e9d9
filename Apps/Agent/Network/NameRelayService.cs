using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Kata.Platform.Linux;
using Kata.Platform.Protos.Agent;
using IPAddress = System.Net.IPAddress;

namespace Kata.Apps.Agent.Network;

/// <summary>
/// Takes the questions about names that programs send to 127.0.0.11, and has the host answer them. On a host Docker's
/// name server is there.
/// </summary>
/// <param name="networkNamespace">Where the programs are.</param>
internal sealed class NameRelayService(string networkNamespace = "/proc/self/ns/net") : NameRelay.NameRelayBase
{
    private const int MaxConnections = 32;
    private static readonly IPAddress Address = IPAddress.Parse("127.0.0.11");
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(15);

    public override async Task Serve(
        IAsyncStreamReader<NameAnswer> requests, IServerStreamWriter<NameQuestion> responses, ServerCallContext context)
    {
        if (!await requests.MoveNext(context.CancellationToken))
        {
            return;
        }

        using var sockets = await OpenAsync();
        await responses.WriteAsync(new NameQuestion());
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var questions = new PendingQuestions(responses);
        Task[] parts =
        [
            questions.ReceiveAsync(requests, over.Token),
            TakeDatagramsAsync(sockets, questions, over.Token),
            AcceptAsync(sockets, questions, over.Token),
        ];
        var first = await Task.WhenAny(parts);
        await over.CancelAsync();
        await Task.WhenAll(parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

    private async Task<NameServerSockets> OpenAsync()
    {
        try
        {
            return await NameServerSockets.OpenAsync(networkNamespace, Address);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            var refusal = $"questions to {Address} cannot be taken: {e.Message}";
            throw new RpcException(new Status(StatusCode.Unavailable, refusal));
        }
    }

    private static async Task TakeDatagramsAsync(
        NameServerSockets sockets, PendingQuestions questions, CancellationToken ct)
    {
        var buffer = new byte[PendingQuestions.LongestMessage];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        while (true)
        {
            var received = await sockets.Udp.ReceiveFromAsync(buffer, anyone, ct);
            var message = buffer[..received.ReceivedBytes];
            _ = ReplyAsync(sockets, (IPEndPoint)received.RemoteEndPoint, questions, message, ct);
        }
    }

    // Who gets no answer asks again; so nothing is told of what goes wrong.
    private static async Task ReplyAsync(
        NameServerSockets sockets, IPEndPoint asker, PendingQuestions questions, byte[] message, CancellationToken ct)
    {
        try
        {
            if (await questions.AskAsync(message, tcp: false, ct) is { Length: > 0 } answer)
            {
                sockets.Reply(asker, answer.Span);
            }
        }
        catch (Exception e) when (IsOver(e))
        {
            // The host is gone, or slow.
        }
    }

    private static async Task AcceptAsync(NameServerSockets sockets, PendingQuestions questions, CancellationToken ct)
    {
        var places = new SemaphoreSlim(MaxConnections);
        while (true)
        {
            await places.WaitAsync(ct);
            var connection = await sockets.Tcp.AcceptAsync(ct);
            _ = ServeAsync(connection, questions, places, ct);
        }
    }

    private static async Task ServeAsync(
        Socket connection, PendingQuestions questions, SemaphoreSlim places, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await using var stream = new NetworkStream(connection, ownsSocket: true);
        try
        {
            while (true)
            {
                limit.CancelAfter(IdleTime);
                if (await DnsStream.ReadAsync(stream, limit.Token) is not { } message
                    || await questions.AskAsync(message, tcp: true, limit.Token) is not { Length: > 0 } answer)
                {
                    return;
                }

                await DnsStream.WriteAsync(stream, answer, limit.Token);
            }
        }
        catch (Exception e) when (IsOver(e))
        {
            // Either side is gone, or slow.
        }
        finally
        {
            places.Release();
        }
    }

    private static bool IsOver(Exception e) =>
        e is OperationCanceledException or RpcException or IOException or ObjectDisposedException;
}
