using Grpc.Core;

namespace Kata.Adapters.Vsock.Agent;

/// <summary>One call: its deadline, its cancellation, and its failure in the core's words.</summary>
internal sealed class AgentCall(TimeProvider time)
{
    public async Task<T> RunAsync<T>(
        string request, Func<CallOptions, AsyncUnaryCall<T>> send, TimeSpan? limit, CancellationToken ct,
        string? program = null)
    {
        try
        {
            return await SendAsync(send, limit, ct);
        }
        catch (RpcException e)
        {
            throw AgentErrors.Translate(e, request, limit, program);
        }
    }

    /// <summary>
    /// The same, with the failure as the wire has it. Only the caller's own token makes it a cancellation.
    /// </summary>
    public async Task<T> SendAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> send, TimeSpan? limit, CancellationToken ct)
    {
        try
        {
            using var call = send(
                new CallOptions(
                    deadline: limit is { } span ? time.GetUtcNow().UtcDateTime + span : null, cancellationToken: ct));
            return await call.ResponseAsync;
        }
        catch (RpcException e) when (ct.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, ct);
        }
    }
}
