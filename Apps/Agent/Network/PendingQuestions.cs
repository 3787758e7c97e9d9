using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Kata.Platform.Protos.Agent;

namespace Kata.Apps.Agent.Network;

/// <summary>Questions that the host has been asked and has not answered.</summary>
internal sealed class PendingQuestions(IServerStreamWriter<NameQuestion> questions)
{
    /// <summary>The longest message of DNS, in bytes.</summary>
    public const int LongestMessage = ushort.MaxValue;

    private const int Most = 32;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(12);

    private readonly ConcurrentDictionary<uint, TaskCompletionSource<ReadOnlyMemory<byte>>> _pending = new();
    private readonly SemaphoreSlim _places = new(Most);
    private readonly SemaphoreSlim _turn = new(1);
    private uint _last;

    /// <summary>The answer; empty if there is none, or if too many questions are open.</summary>
    public async Task<ReadOnlyMemory<byte>> AskAsync(byte[] message, bool tcp, CancellationToken ct)
    {
        if (!_places.Wait(0, ct))
        {
            return default;
        }

        var id = Interlocked.Increment(ref _last);
        try
        {
            var answer = _pending[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            var question = new NameQuestion { Id = id, Tcp = tcp, Message = UnsafeByteOperations.UnsafeWrap(message) };
            await SendAsync(question, ct);
            return await answer.Task.WaitAsync(Limit, ct);
        }
        catch (TimeoutException)
        {
            return default;
        }
        finally
        {
            _pending.TryRemove(id, out _);
            _places.Release();
        }
    }

    /// <summary>Hands answers out until the host ends the call.</summary>
    public async Task ReceiveAsync(IAsyncStreamReader<NameAnswer> answers, CancellationToken ct)
    {
        while (await answers.MoveNext(ct))
        {
            var answer = answers.Current;
            if (_pending.TryRemove(answer.Id, out var asked))
            {
                asked.TrySetResult(answer.Message.Length <= LongestMessage ? answer.Message.Memory : default);
            }
        }
    }

    private async Task SendAsync(NameQuestion question, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            await questions.WriteAsync(question, ct);
        }
        finally
        {
            _turn.Release();
        }
    }
}
