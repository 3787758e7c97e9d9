using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Sends a signal to a process, or to all of a container. Takes no turn: nothing can keep a kill waiting.
/// </summary>
public sealed record SignalProcess(ProcessRef Process, Signal Signal, bool All) : ICommand<Done>;

internal sealed class SignalProcessHandler(
    LiveSandbox sandbox,
    ContainerRegistry containers,
    CreationCanceller canceller,
    KillWatcher kills,
    ISender sender,
    TimeProvider time)
    : IRequestHandler<SignalProcess, Done>
{
    public async Task<Done> Handle(SignalProcess request, CancellationToken ct)
    {
        var id = request.Process.Container;
        if (request.Signal == Signal.Kill && request.Process.IsInit && await canceller.TryCancelAsync(id, ct))
            return Done.Value;

        containers.Check(id, c => c.CheckSignal(request.Process));
        var before = containers.Read(id, c => c.State);

        // What waits for the start in its place takes only SIGKILL, and nobody waits in the guest for its end.
        var endsUnstarted = request.Process.IsInit && before == ContainerState.Created && request.Signal.EndsByDefault;
        var signal = endsUnstarted ? Signal.Kill : request.Signal;
        try
        {
            var agent = sandbox.RequireReady().Agent;
            await agent.SignalAsync(request.Process, signal, request.All && request.Process.IsInit, ct);
            if (request.Signal == Signal.Kill && before == ContainerState.Paused)
                await ThawAsync(agent, id, ct);
        }
        catch (KataException e) when (e.Kind == ErrorKind.Unavailable)
        {
            // The machine is going down and takes the process along; its exit is told by whoever saw that.
        }
        finally
        {
            // A guest that refuses the signal, or never answers to it, has no veto either.
            if (request.Signal == Signal.Kill && request.Process.IsInit)
                WatchEnd(request.Process);
        }

        if (endsUnstarted)
        {
            var exit = new ExitStatus(128 + request.Signal.Number, time.GetUtcNow());
            await sender.Send(new RecordProcessExit(request.Process, exit), ct);
        }

        return Done.Value;
    }

    private void WatchEnd(ProcessRef init)
    {
        try
        {
            kills.Watch(containers.Find(init));
        }
        catch (KataException)
        {
            // Deleted while the guest was asked.
        }
    }

    private static async Task ThawAsync(IGuestAgent agent, ContainerId id, CancellationToken ct)
    {
        try
        {
            await agent.ResumeAsync(id, ct);
        }
        catch (KataException)
        {
            // Where a frozen process dies at once there is nothing left to thaw.
        }
    }
}
