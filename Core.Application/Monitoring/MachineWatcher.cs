using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Sandboxes;
using MediatR;

namespace Kata.Core.Application.Monitoring;

/// <summary>
/// Waits for the end of the VMM, of the file daemon or of the agent's connection, or for a guest that answers nobody
/// any more, and reports the first.
/// </summary>
internal sealed class MachineWatcher(LiveSandbox sandbox, ISender sender, TimeProvider time)
    : INotificationHandler<SandboxStarted>
{
    // A guest that is only busy answers one of two; each check has half a minute of its own.
    private const int MissesToLose = 2;
    private static readonly TimeSpan CheckPeriod = TimeSpan.FromSeconds(15);

    /// <summary>Begins to watch the sandbox's open handles; ends with its report.</summary>
    public Task Handle(SandboxStarted domainEvent, CancellationToken ct)
    {
        if (sandbox.Handles is SandboxHandles.Ready ready)
            _ = WatchAsync(ready.Vm, ready.Share, ready.Agent);
        return Task.CompletedTask;
    }

    private async Task WatchAsync(IVirtualMachine machine, ISharedDirectory? share, IGuestAgent agent)
    {
        var machineEnd = Describe(
            machine.Exited, exit => $"the VMM ended with {exit.End?.ToString() ?? "an unknown status"}");
        var ends = new List<Task<string>> { machineEnd };
        if (share is not null)
            ends.Add(Describe(share.Exited, reason => $"virtiofsd has ended: {reason}"));
        ends.Add(Describe(agent.Closed, reason => $"lost the connection to the agent: {reason}"));
        using var ended = new CancellationTokenSource();
        ends.Add(LastAnswerAsync(agent, ended.Token));
        var reason = await await Task.WhenAny(ends);
        await ended.CancelAsync();
        if (await MachineEnd.IsRootCauseAsync(machine, time))
            reason = await machineEnd;
        try
        {
            await sender.Send(new RecordMachineExit(reason), CancellationToken.None);
        }
        catch (KataException)
        {
            // The request has been logged with its failure: something could not be given back.
        }
    }

    // Completes with the reason when the guest has stopped answering, and with nothing of interest when cancelled.
    private async Task<string> LastAnswerAsync(IGuestAgent agent, CancellationToken ended)
    {
        try
        {
            for (var misses = 0; ;)
            {
                await Task.Delay(CheckPeriod, time, ended);
                try
                {
                    await agent.CheckAsync(ended);
                    misses = 0;
                }
                catch (KataException e) when (e.Kind == ErrorKind.ResourceExhausted)
                {
                    // A guest with too much to do has answered.
                    misses = 0;
                }
                catch (KataException e)
                {
                    // A lost connection is one too: its own end, which says more, has been told by the next.
                    if (++misses == MissesToLose)
                        return $"the guest failed its health checks: {e.Message}";
                }
            }
        }
        catch (OperationCanceledException)
        {
            return "";
        }
    }

    private static async Task<string> Describe<T>(Task<T> end, Func<T, string> describe) => describe(await end);
}
