using Google.Protobuf;
using Grpc.Core;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using NameCall = Grpc.Core.AsyncDuplexStreamingCall<
    Kata.Platform.Protos.Agent.NameAnswer, Kata.Platform.Protos.Agent.NameQuestion>;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    private const int MaxQuestions = 32;
    private const int LongestMessage = ushort.MaxValue;

    public async Task<Task> ServeNamesAsync(NameAnswerer answer, CancellationToken ct)
    {
        var call = _names.Serve(new CallOptions());
        try
        {
            using var limit = new CancellationTokenSource(AgentDeadlines.Call, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
            await call.RequestStream.WriteAsync(new Proto.NameAnswer(), CancellationToken.None);
            if (!await call.ResponseStream.MoveNext(either.Token))
                throw new KataException(ErrorKind.Unavailable, "the guest agent takes no questions about names");
            return AnswerAsync(call, answer);
        }
        catch (RpcException e) when (!ct.IsCancellationRequested)
        {
            call.Dispose();
            throw AgentErrors.Translate(e, "Serve", limit: null);
        }
        catch
        {
            call.Dispose();
            throw;
        }
    }

    // The guest may ask as it likes: at most so many questions are open, and what exceeds them is dropped as a datagram
    // would be.
    private static async Task AnswerAsync(NameCall call, NameAnswerer answer)
    {
        using var over = new CancellationTokenSource();
        using var turn = new SemaphoreSlim(1, 1);
        var open = new HashSet<Task>();
        try
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                open.RemoveWhere(one => one.IsCompleted);
                var question = call.ResponseStream.Current;
                if (open.Count < MaxQuestions && question.Message.Length <= LongestMessage)
                    open.Add(AnswerOneAsync(call, question, answer, turn, over.Token));
            }
        }
        catch (RpcException)
        {
            // The connection has ended, and with it whoever asked.
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll(open);
            call.Dispose();
        }
    }

    private static async Task AnswerOneAsync(
        NameCall call, Proto.NameQuestion question, NameAnswerer answer, SemaphoreSlim turn, CancellationToken ct)
    {
        await Task.Yield();
        try
        {
            var message = await answer(new NameQuestion(question.Message.Memory, question.Tcp), ct) ?? default;
            await turn.WaitAsync(ct);
            try
            {
                var bytes = UnsafeByteOperations.UnsafeWrap(message);
                await call.RequestStream.WriteAsync(new Proto.NameAnswer { Id = question.Id, Message = bytes }, ct);
            }
            finally
            {
                turn.Release();
            }
        }
        catch (Exception e) when (e is KataException or RpcException or OperationCanceledException)
        {
            // No answer; who asked asks again, or has gone.
        }
    }
}
