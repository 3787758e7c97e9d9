using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Kata.Tests.Parity.AgentCalls;

/// <summary>
/// Runs asynchronous code on one thread, in real time: for ports in memory that are not made for more, beside real
/// sockets.
/// </summary>
internal sealed class SingleThread : SynchronizationContext
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _queue = [];

    /// <summary>Runs it to its end.</summary>
    public static T Run<T>(Func<Task<T>> body)
    {
        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            var context = new SingleThread();
            SetSynchronizationContext(context);
            try
            {
                var task = body();
                using var limit = new CancellationTokenSource(Limit);
                task.ContinueWith(
                    _ =>
                        limit.Cancel(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously,
                        TaskScheduler.Default);
                context.RunUntil(task, limit.Token);
                result = task.IsCompleted
                    ? task.GetAwaiter().GetResult()
                    : throw new TimeoutException($"not over within {Limit.TotalSeconds} s");
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    /// <inheritdoc/>
    public override void Post(SendOrPostCallback d, object? state) => _queue.Add((d, state));

    /// <inheritdoc/>
    public override void Send(SendOrPostCallback d, object? state) => d(state);

    private void RunUntil(Task task, CancellationToken limit)
    {
        try
        {
            while (!task.IsCompleted)
            {
                var (callback, state) = _queue.Take(limit);
                callback(state);
            }
        }
        catch (OperationCanceledException)
        {
            // Over, or too late.
        }
    }
}
