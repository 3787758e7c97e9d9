using Microsoft.Extensions.Logging;

namespace Kata.Adapters.Shimv2.Bootstrap;

/// <summary>
/// Tells of work in the background that failed and that nobody awaited: a fault of ours, which would else
/// leave no trace.
/// </summary>
internal sealed class UnobservedFaults : IDisposable
{
    private readonly ILogger _log;

    /// <summary>Tells of them until it is disposed of.</summary>
    public UnobservedFaults(ILogger log)
    {
        _log = log;
        TaskScheduler.UnobservedTaskException += Tell;
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Tell;

    private void Tell(object? sender, UnobservedTaskExceptionEventArgs e) => ServerLog.Unobserved(_log, e.Exception);
}
