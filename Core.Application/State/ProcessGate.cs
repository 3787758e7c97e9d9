using Kata.Core.Domain;
using Kata.Core.Domain.Containers;

namespace Kata.Core.Application.State;

/// <summary>
/// Start, exit report and delete of one process in turn. That is what makes "started before exited" true.
/// </summary>
internal sealed class ProcessGate(ProcessRef process, TimeProvider time)
{
    // Longer than a guest call may take, so that whoever holds the gate fails first.
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(75);

    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Waits for the turn; disposing the answer gives it up.</summary>
    public async Task<Turn> EnterAsync(CancellationToken ct)
    {
        using var bound = new CancellationTokenSource(Bound, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, bound.Token);
        try
        {
            await _turn.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded,
                $"another operation on {process} did not end within {Bound.TotalSeconds:0} s");
        }

        return new Turn(_turn);
    }

    /// <summary>A turn.</summary>
    public readonly struct Turn(SemaphoreSlim turn) : IDisposable
    {
        /// <summary>Gives the turn up.</summary>
        public void Dispose() => turn.Release();
    }
}
