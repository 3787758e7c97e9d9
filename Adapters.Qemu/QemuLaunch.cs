using System.Net.Sockets;
using Kata.Adapters.Qemu.Qmp;
using Kata.Core.Domain;
using Kata.Core.Domain.Machines;
using Kata.Platform.Linux;
using Kata.Platform.Linux.Supervision;

namespace Kata.Adapters.Qemu;

/// <summary>The start of one machine, from spawning until QMP answers, and the explanation if it fails.</summary>
internal sealed class QemuLaunch(VmSpec spec, TimeProvider time)
{
    private const string Phase = "launch-vmm";

    private readonly long _begin = time.GetTimestamp();

    public TimeSpan Elapsed => time.GetElapsedTime(_begin);

    /// <summary>Waits for the greeting; the end of QEMU and the deadline win.</summary>
    public async Task<QmpClient> GreetAsync(Socket socket, SupervisedProcess process, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(spec.Machine.ControlTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        var opening = QmpClient.OpenAsync(socket, either.Token);
        await Task.WhenAny(opening, process.Exited);
        if (process.Exited.IsCompleted && !opening.IsCompletedSuccessfully)
        {
            await either.CancelAsync();
            await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw new KataException(ErrorKind.Unavailable, "QEMU ended before it could be talked to");
        }
        try
        {
            return await opening;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new KataException(
                ErrorKind.DeadlineExceeded,
                $"QEMU did not answer within {spec.Machine.ControlTimeout.TotalSeconds:0.#} s");
        }
    }

    /// <summary>The failure with all that is known of QEMU; null for one that is not about it.</summary>
    public async Task<KataException?> ExplainAsync(Exception failure, SupervisedProcess? process)
    {
        if (process is null)
        {
            return failure is LinuxException refusal
                ? new KataException(refusal.ToKind(ErrorKind.Unavailable), Sentence(refusal),
                    refusal)
                {
                    Report = new FailureReport { Phase = Phase, After = Elapsed }
                }
                : null;
        }

        // We ended it ourselves unless it was gone before, which the failure then says.
        var exit = await process.Exited;
        var errors = process.Errors.Lines;
        var byItself = failure is KataException { Kind: ErrorKind.Unavailable }
            or QmpException { IsConnectionLost: true };
        var kind = failure is KataException { Kind: ErrorKind.DeadlineExceeded } ? ErrorKind.DeadlineExceeded
            : QemuHints.IsExhausted(errors) ? ErrorKind.ResourceExhausted
            : QemuHints.IsRefused(errors) ? ErrorKind.PermissionDenied
            : failure is KataException known ? known.Kind
            : ErrorKind.Unavailable;
        return new KataException(kind, failure.Message, failure)
        {
            Report = new FailureReport
            {
                Phase = Phase,
                After = Elapsed,
                Vmm = byItself ? QemuMachine.EndOf(exit.Exit) : null,
                VmmErrors = errors,
                Console = process.Output.Lines,
                Hint = QemuHints.For(errors),
            },
        };
    }

    private string Sentence(LinuxException refusal) =>
        $"cannot start {spec.Machine.Program}: {refusal.Call} {refusal.Subject} failed with {refusal.Errno}";
}
