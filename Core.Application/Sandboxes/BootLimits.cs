using Kata.Core.Application.Live;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Domain;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// What may end a boot early: the caller, the budget of the settings, a stop of the sandbox, and the death of the VMM or
/// of the file daemon, which wins the race against any handshake.
/// </summary>
internal sealed class BootLimits : IDisposable
{
    private readonly CancellationTokenSource _budget;
    private readonly CancellationTokenSource _all;
    private readonly CancellationToken _caller;
    private readonly TimeProvider _time;
    private TimeSpan _allowed;
    private TimeSpan? _dialAllowed;
    private CancellationTokenSource? _dialBudget;
    private string? _death;

    public BootLimits(LiveSandbox sandbox, TimeProvider time, CancellationToken caller)
    {
        _time = time;
        _caller = caller;
        _budget = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        _all = CancellationTokenSource.CreateLinkedTokenSource(caller, sandbox.BootCancelled, _budget.Token);
    }

    /// <summary>Fires at the first of them.</summary>
    public CancellationToken Token => _all.Token;

    /// <summary>The settings are known: their budget runs from now on.</summary>
    public void Begin(RuntimeSettings settings)
    {
        _allowed = settings.CreateContainerTimeout;
        _budget.CancelAfter(_allowed);
    }

    /// <summary>A token that also fires when the machine or the file daemon ends, or when the dial budget is spent.</summary>
    public CancellationTokenSource WhileAlive(IVirtualMachine machine, ISharedDirectory? share, TimeSpan dialTimeout)
    {
        _dialAllowed = dialTimeout;
        _dialBudget = new CancellationTokenSource(dialTimeout, _time);
        var alive = CancellationTokenSource.CreateLinkedTokenSource(_all.Token, _dialBudget.Token);
        _ = WatchAsync(machine.Exited, _ => "the virtual machine ended before its agent answered", alive);
        if (share is not null)
            _ = WatchAsync(share.Exited, reason => $"the file daemon ended: {reason}", alive);
        return alive;
    }

    /// <summary>The kind and the sentence for a failure, by asking which source fired.</summary>
    public (ErrorKind Kind, string Text) Translate(Exception cause, LiveSandbox sandbox)
    {
        if (_death is { } death)
            return (ErrorKind.Unavailable, death);
        if (sandbox.Machine is { Exited.IsCompleted: true })
            return (ErrorKind.Unavailable, "the virtual machine ended before its agent answered");
        if (_budget.IsCancellationRequested)
            return (ErrorKind.DeadlineExceeded, $"the whole start may take {_allowed.TotalSeconds:0} s (create_container_timeout)");
        if (_dialBudget is { IsCancellationRequested: true })
            return (ErrorKind.DeadlineExceeded, $"the agent did not answer within {_dialAllowed!.Value.TotalSeconds:0} s (dial_timeout): {cause.Message}");
        if (cause is KataException known)
            return (known.Kind, known.Message);
        if (_caller.IsCancellationRequested)
            return (ErrorKind.Aborted, "the caller gave up");
        return (ErrorKind.Internal, $"{cause.GetType().Name}: {cause.Message}");
    }

    public void Dispose()
    {
        _all.Dispose();
        _budget.Dispose();
        _dialBudget?.Dispose();
    }

    private async Task WatchAsync<T>(Task<T> end, Func<T, string> describe, CancellationTokenSource alive)
    {
        var over = new TaskCompletionSource();
        await using var registration = alive.Token.Register(() => over.TrySetResult());
        if (await Task.WhenAny(end, over.Task) != end)
            return;

        _death ??= describe(await end);
        try
        {
            await alive.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The boot was over at the same moment: the machine watcher takes the matter from here.
        }
    }
}
