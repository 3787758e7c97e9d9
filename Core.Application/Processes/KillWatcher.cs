using Kata.Core.Application.Messaging;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Sees to it that a container whose init has been sent SIGKILL ends: a guest that tells no exit has no veto, its
/// machine goes.
/// </summary>
internal sealed class KillWatcher(
    ContainerRegistry containers, ISender sender, TimeProvider time, ILogger<KillWatcher> log)
{
    // A kernel ends a killed process within moments; longer takes only one that writes much memory back, or is stuck.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Begins to wait for the exit of an init, after the guest has taken the signal, or has not.</summary>
    public void Watch(LiveProcess init) => _ = WatchAsync(init);

    private async Task WatchAsync(LiveProcess init)
    {
        try
        {
            await init.Exited.WaitAsync(Patience, time);
            return;
        }
        catch (TimeoutException)
        {
            ProcessLog.NotKilled(log, init.Ref, Patience.TotalSeconds);
        }

        var reason = $"{init.Ref} did not end within {Patience.TotalSeconds:0} s of SIGKILL";
        try
        {
            if (containers.Read(init.Ref.Container, c => c.Kind) == ContainerKind.PodContainer)
                await sender.Send(new RecordMachineExit(reason), CancellationToken.None);
            else
                await sender.Send(new StopSandbox());
        }
        catch (KataException)
        {
            // Deleted at the same moment; or the stop has said itself what it left.
        }
    }
}
