using System.Runtime.ExceptionServices;

namespace Kata.Tests.Harness;

/// <summary>
/// Runs asynchronous code on the calling thread and moves a <see cref="ManualTime"/> whenever nothing is left to run:
/// what takes minutes of virtual time takes milliseconds, and nothing sleeps.
/// </summary>
public sealed class Pump : SynchronizationContext
{
    // A continuation may pass through the thread pool on its way here. So many work items behind one another in the
    // pool without a new post mean that nothing is on its way.
    private const int QuietRounds = 5;

    // Before a scenario is called stuck, so that a pool thread that the kernel keeps waiting is not mistaken for none.
    private const int StuckRounds = 2000;

    // A pump's thread waits for the pool, and test runners hold pool threads while they wait for it.
    private const int PoolThreads = 16;

    private readonly Queue<(SendOrPostCallback Callback, object? State)> _queue = new();
    private readonly ManualTime _time;

    static Pump()
    {
        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, PoolThreads), ports);
    }

    private Pump(ManualTime time) => _time = time;

    /// <summary>
    /// Runs <paramref name="body"/> to its end; fails if it waits for something that no timer and no work can bring.
    /// </summary>
    /// <param name="time">The clock that is moved.</param>
    /// <param name="body">What to run.</param>
    /// <param name="limit">Virtual time within which it must end.</param>
    /// <param name="describe">What is under way, for the failure's text.</param>
    public static void Run(ManualTime time, Func<Task> body, TimeSpan limit, Func<string>? describe = null)
    {
        ExceptionDispatchInfo? failure = null;

        // A thread that is not the pool's: what it queues there is not kept in a queue of its own, but stands in line.
        var thread = new Thread(() =>
        {
            var pump = new Pump(time);
            SetSynchronizationContext(pump);
            try
            {
                var task = body();
                pump.RunUntil(task, time.Elapsed + limit, describe);
                task.GetAwaiter().GetResult();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = "pump"
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <inheritdoc/>
    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_queue)
        {
            _queue.Enqueue((d, state));
            Monitor.Pulse(_queue);
        }
    }

    /// <inheritdoc/>
    public override void Send(SendOrPostCallback d, object? state) => d(state);

    private void RunUntil(Task task, TimeSpan end, Func<string>? describe)
    {
        while (true)
        {
            Settle(QuietRounds);
            if (task.IsCompleted)
                return;
            if (!IsOver(end) && _time.MoveToNextTimer())
                continue;
            if (!Settle(StuckRounds))
                throw new InvalidOperationException(
                    $"after {_time.Elapsed.TotalSeconds:0.0} s of virtual time the scenario waits for what does not come: {describe?.Invoke()}");
        }
    }

    private bool IsOver(TimeSpan end) => _time.Elapsed > end;

    // Runs all that can run without time passing. True if there was anything.
    private bool Settle(int rounds)
    {
        var any = false;
        for (var quiet = 0; quiet < rounds; quiet++)
        {
            if (!Drain() && !PassThroughPool())
                continue;
            any = true;
            quiet = -1;
        }

        return any;
    }

    private bool Drain()
    {
        var any = false;
        while (true)
        {
            (SendOrPostCallback Callback, object? State) next;
            lock (_queue)
            {
                if (!_queue.TryDequeue(out next))
                    return any;
            }

            any = true;
            next.Callback(next.State);
        }
    }

    // True if something was posted before a work item of ours had passed through the pool.
    private bool PassThroughPool()
    {
        var passed = false;
        ThreadPool.UnsafeQueueUserWorkItem(
            _ =>
            {
                lock (_queue)
                {
                    passed = true;
                    Monitor.Pulse(_queue);
                }
            }, null);
        lock (_queue)
        {
            while (!passed && _queue.Count == 0)
                Monitor.Wait(_queue);
            return _queue.Count > 0;
        }
    }
}
