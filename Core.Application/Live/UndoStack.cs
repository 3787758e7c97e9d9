namespace Kata.Core.Application.Live;

/// <summary>
/// Steps that take back what has been done so far, run in reverse unless committed. They run under a budget of their
/// own, not under the caller's token: an undo that a caller can cancel is none.
/// </summary>
internal sealed class UndoStack(TimeProvider time) : IAsyncDisposable
{
    // Under the 5 s that a container manager grants after a failed creation.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    private readonly Stack<Func<CancellationToken, Task>> _steps = new();

    /// <summary>Adds a step.</summary>
    public void Push(Func<CancellationToken, Task> step) => _steps.Push(step);

    /// <summary>What was done stays.</summary>
    public void Commit() => _steps.Clear();

    /// <summary>Runs the steps, last first; one that fails stops no other, and the first failure is thrown at the end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_steps.Count == 0)
            return;

        using var budget = new CancellationTokenSource(Budget, time);
        Exception? first = null;
        while (_steps.TryPop(out var step))
        {
            try
            {
                await step(budget.Token);
            }
            catch (Exception e)
            {
                first ??= e;
            }
        }

        if (first is not null)
            throw new UndoFailedException(first);
    }
}

/// <summary>A step of an undo failed.</summary>
internal sealed class UndoFailedException(Exception cause) : Exception($"taking back a failed step did not succeed: {cause.Message}", cause);
