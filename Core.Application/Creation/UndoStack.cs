namespace Kata.Core.Application.Creation;

/// <summary>
/// Steps that undo what has been done so far, run in reverse when it is disposed of. They run under a budget of
/// their own, not under the caller's token: an undo that a caller can cancel is none. A step that fails stops no other
/// and is only told, since the failure that made the undo necessary is the one to be answered.
/// </summary>
internal sealed class UndoStack(TimeProvider time, Action<Exception> failed) : IAsyncDisposable
{
    // Under the 5 s that a container manager grants after a failed creation.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    private readonly Stack<Func<CancellationToken, Task>> _steps = new();

    /// <summary>Adds a step.</summary>
    public void Push(Func<CancellationToken, Task> step) => _steps.Push(step);

    /// <summary>Runs the steps, last first. Does not fail, and ends within its budget.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_steps.Count == 0)
            return;
        var begin = time.GetTimestamp();
        while (_steps.TryPop(out var step))
        {
            // Half of what is left while others wait: a step that hangs must not starve those after it.
            var rest = Budget - time.GetElapsedTime(begin);
            using var limit = new CancellationTokenSource(_steps.Count > 0 ? rest / 2 : rest, time);
            try
            {
                await step(limit.Token).WaitAsync(limit.Token);
            }
            catch (Exception e)
            {
                failed(e);
            }
        }
    }
}
