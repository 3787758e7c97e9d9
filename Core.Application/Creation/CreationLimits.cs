using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;

namespace Kata.Core.Application.Creation;

/// <summary>
/// What may end a container's creation early, the boot of its machine included: the caller, the one budget of the
/// settings, to which a busy host's delays are added (<see cref="MachineTime"/>), a stop of the sandbox, and the death
/// of the VMM or of the file daemon, which wins the race against any handshake.
/// </summary>
internal sealed class CreationLimits : IDisposable
{
    private const string MachineEnded = "the virtual machine ended before its agent answered";

    // Holds until the settings are known; the default that they have themselves.
    private static readonly TimeSpan UntilSettled = TimeSpan.FromSeconds(60);

    private readonly LiveSandbox _sandbox;
    private readonly MachineTime _budget;
    private readonly CancellationTokenSource _all;
    private readonly CancellationToken _caller;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IVirtualMachine? _machine;
    private MachineTime? _dialBudget;
    private CancellationTokenRegistration _dialOver;
    private string? _death;
    private KataException? _explained;

    public CreationLimits(LiveSandbox sandbox, TimeProvider time, CancellationToken caller)
    {
        _sandbox = sandbox;
        _machine = (sandbox.Handles as SandboxHandles.Ready)?.Vm;
        _time = time;
        _caller = caller;
        _budget = new MachineTime(UntilSettled, KeptWaiting, time);
        _all = CancellationTokenSource.CreateLinkedTokenSource(caller, sandbox.BootCancelled, _budget.Token);
    }

    /// <summary>Fires at the first of them.</summary>
    public CancellationToken Token => _all.Token;

    /// <summary>Somebody calls it off.</summary>
    public void Cancel()
    {
        try
        {
            _all.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The creation was over at the same moment.
        }
    }

    /// <summary>The settings are known: their budget holds, counted from the begin.</summary>
    public void Begin(RuntimeSettings settings) => _budget.Allow(settings.CreateContainerTimeout);

    /// <summary>From now on the end of the machine, or of the file daemon, ends the creation too.</summary>
    public void Watch(IVirtualMachine machine, ISharedDirectory? share)
    {
        _machine = machine;
        _ = WatchAsync(machine, share);
    }

    /// <summary>From now on the agent has this long to answer and to open its sandbox.</summary>
    public void BeginDial(TimeSpan timeout)
    {
        _dialBudget = new MachineTime(timeout, KeptWaiting, _time);
        _dialOver = _dialBudget.Token.Register(Cancel);
    }

    /// <summary>
    /// The agent has answered in time. From now on the machine watcher says what becomes of the machine; its end may be
    /// somebody's wish.
    /// </summary>
    public void RecordAnswer()
    {
        _watched.TrySetResult();
        _dialOver.Dispose();
    }

    /// <summary>
    /// The failure to answer: which phase, after how long, why, and the machine's last words. Called before anything is
    /// undone, while the machine can still be asked. What has been explained already stays as it is.
    /// </summary>
    public KataException Explain(Exception failure, string what, PhaseTimeline timeline)
    {
        if (_explained is not null && ReferenceEquals(failure, _explained))
            return _explained;
        var cause = timeline.FirstFailure ?? failure;
        var (kind, text) = Translate(cause);
        var known = (cause as KataException)?.Report;
        var machine = _machine;
        var report = new FailureReport
        {
            What = what,
            Phase = timeline.FailedPhase,
            After = timeline.Elapsed,
            Phases = timeline.Phases,
            Vmm = known?.Vmm
                ?? (machine is { Exited.IsCompletedSuccessfully: true } ? machine.Exited.Result.End : null),
            VmmErrors = known?.VmmErrors is { Count: > 0 } errors ? errors : machine?.ErrorTail ?? [],
            Console = known?.Console is { Count: > 0 } console ? console : machine?.ConsoleTail ?? [],
            Hint = known?.Hint,
        };
        return _explained = SandboxErrors.BootFailed(kind, text, report, cause);
    }

    public void Dispose()
    {
        _watched.TrySetResult();
        _dialOver.Dispose();
        _all.Dispose();
        _budget.Dispose();
        _dialBudget?.Dispose();
    }

    private TimeSpan KeptWaiting() => _machine?.KeptWaiting ?? TimeSpan.Zero;

    // By asking which source fired: the exception that reaches us says only that something was cancelled.
    private (ErrorKind Kind, string Text) Translate(Exception cause)
    {
        // Slow to end, the VMM may do so only after what ended because of it has been noticed and waited for.
        if (_death is { } death)
            return (ErrorKind.Unavailable, _machine is { Exited.IsCompleted: true } ? MachineEnded : death);
        if (_sandbox.LostReason is { } lost)
            return (ErrorKind.Unavailable, lost);
        if (_sandbox.BootCancelled.IsCancellationRequested)
            return (ErrorKind.Aborted, $"sandbox {_sandbox.Id} was stopped meanwhile");
        if (_machine is { Exited.IsCompleted: true })
            return (ErrorKind.Unavailable, "the virtual machine has ended");
        if (_budget.Token.IsCancellationRequested)
        {
            return (ErrorKind.DeadlineExceeded,
                $"the whole start may take {_budget.Describe("create_container_timeout")}{Waited(cause)}");
        }
        if (_dialBudget is { Token.IsCancellationRequested: true } dial)
            return (
                ErrorKind.DeadlineExceeded,
                $"the agent did not answer within {dial.Describe("dial_timeout")}: {cause.Message}");
        if (cause is KataException known)
            return (known.Kind, known.Message);
        if (_caller.IsCancellationRequested)
            return (ErrorKind.Aborted, "the caller gave up");
        return (ErrorKind.Internal, $"{cause.GetType().Name}: {cause.Message}");
    }

    /// <summary>What was waited for all the time, if that knows its name.</summary>
    private static string Waited(Exception cause) =>
        cause is KataException { Kind: ErrorKind.DeadlineExceeded } known ? $": {known.Message}" : "";

    private async Task WatchAsync(IVirtualMachine machine, ISharedDirectory? share)
    {
        Task[] ends = share is null
            ? [machine.Exited, _watched.Task]
            : [machine.Exited, share.Exited, _watched.Task];
        await Task.WhenAny(ends);
        if (_watched.Task.IsCompleted)
            return;

        var isMachines = await MachineEnd.IsRootCauseAsync(machine, _time);
        if (_watched.Task.IsCompleted)
            return;
        _death = isMachines ? MachineEnded : $"virtiofsd has ended: {await share!.Exited}";
        Cancel();
    }
}
