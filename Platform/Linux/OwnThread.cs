namespace Kata.Platform.Linux;

/// <summary>For calls that a file system may never answer: they can be given up, though not ended.</summary>
public static class OwnThread
{
    /// <summary>
    /// Runs <paramref name="work"/> on a thread made for it. Given up, it goes on until the kernel answers; what it
    /// then returns is disposed of, if it can be, and what it throws is not heard.
    /// </summary>
    public static async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                result.SetResult(work());
            }
            catch (Exception failure)
            {
                result.SetException(failure);
            }
        })
        { IsBackground = true, Name = "stallable" }.UnsafeStart();
        try
        {
            return await result.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            _ = result.Task.ContinueWith(
                    late => late.IsCompletedSuccessfully ? late.Result as IDisposable : Unheard(late.Exception),
                    TaskScheduler.Default)
                .ContinueWith(late => late.Result?.Dispose(), TaskScheduler.Default);
            throw;
        }
    }

    private static IDisposable? Unheard(Exception? _) => null;
}
