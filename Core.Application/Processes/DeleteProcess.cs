using Kata.Core.Application.Containers;
using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Frees all that a process has: its streams, and with an init the container in guest and host. With the container that
/// made the sandbox the machine ends too, and the answer comes when it has ended.
/// </summary>
public sealed record DeleteProcess(ProcessRef Process) : ICommand<DeleteProcessReply>;

/// <summary>How the process ended.</summary>
public sealed record DeleteProcessReply(int Pid, ExitStatus Exit);

internal sealed class DeleteProcessHandler(
    ContainerRegistry containers,
    ContainerRelease release,
    CreationCanceller canceller,
    LateHooks hooks,
    ISender sender,
    EventPublisher publisher,
    TimeProvider time) : IRequestHandler<DeleteProcess, DeleteProcessReply>
{
    // As long as containerd's own shim waits for a client that is slow to read.
    private static readonly TimeSpan DrainInit = TimeSpan.FromSeconds(10);

    // An exec's stream can be held by a grandchild that lives on; its client has waited for its own reasons already.
    private static readonly TimeSpan DrainExec = TimeSpan.FromSeconds(2);

    public async Task<DeleteProcessReply> Handle(DeleteProcess request, CancellationToken ct)
    {
        var id = request.Process.Container;
        if (request.Process.IsInit && await canceller.TryCancelAsync(id, ct))
            return new DeleteProcessReply(0, new ExitStatus(ExitStatus.Killed, time.GetUtcNow()));

        var live = containers.Find(id);
        var process = containers.Find(request.Process);
        IReadOnlyList<IDomainEvent> raised;
        ExitStatus exit;
        int pid;
        using (await process.Gate.EnterAsync(ct))
        {
            containers.Check(id, c => c.CheckDelete(request.Process));
            await Task.WhenAll(ExecsToDelete(request.Process).Select(exec => EndStreamsAsync(exec, DrainExec))
                .Prepend(EndStreamsAsync(process, request.Process.IsInit ? DrainInit : DrainExec)));
            if (request.Process.IsInit)
                await ReleaseContainerAsync(id, ct);
            foreach (var gone in ExecsToDelete(request.Process))
                await gone.Pipes.DisposeAsync();
            await process.Pipes.DisposeAsync();
            pid = containers.Read(id, c => c.Pid);
            (exit, raised) = containers.Change(id, c => c.Delete(request.Process, time.GetUtcNow()));
            process.CompleteExit(exit);

            // Before the turn is given up: whoever waits for it, as a client that gave up and asks again, finds nothing
            // here.
            if (request.Process.IsInit)
                containers.Remove(id);
            else
                containers.Detach(request.Process);
        }

        await publisher.PublishAsync(raised);
        if (request.Process.IsInit && live.Spec?.Hooks is { } wanted)
            await hooks.RunAsync(
                HookStage.Poststop, wanted.Poststop, new HookState(id, live.Aggregate.Bundle, pid, "stopped"), ct);
        return new DeleteProcessReply(pid, exit);
    }

    // An init takes the execs along that nobody has deleted.
    private IEnumerable<LiveProcess> ExecsToDelete(ProcessRef process) =>
        process.IsInit ? containers.ProcessesOf(process.Container).Where(other => !other.Ref.IsInit) : [];

    private async Task EndStreamsAsync(LiveProcess process, TimeSpan limit)
    {
        if (process.Output is not { } output)
            return;
        using (var bound = new CancellationTokenSource(limit, time))
            await output.DrainAsync(bound.Token);
        await output.DisposeAsync();
    }

    private async Task ReleaseContainerAsync(ContainerId id, CancellationToken ct)
    {
        var madeSandbox = containers.Read(id, c => c.Kind) != ContainerKind.PodContainer;
        if (madeSandbox)
        {
            await sender.Send(new StopSandbox(), ct);
            return;
        }

        await release.RemoveFromGuestAsync(id, ct);
        await release.ReleaseHostPartAsync(id, ct);
    }
}
