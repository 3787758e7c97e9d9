using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>Runs a container's init, or an exec that has been added.</summary>
public sealed record StartProcess(ProcessRef Process) : ICommand<StartProcessReply>;

/// <summary>The host pid that stands for the process.</summary>
public sealed record StartProcessReply(int Pid);

internal sealed class StartProcessHandler(
    LiveSandbox sandbox,
    ContainerRegistry containers,
    SandboxNetworking networking,
    NameRelay names,
    LateHooks hooks,
    ProcessWatchers watchers,
    EventPublisher publisher,
    TimeProvider time) : IRequestHandler<StartProcess, StartProcessReply>
{
    public async Task<StartProcessReply> Handle(StartProcess request, CancellationToken ct)
    {
        var process = containers.Find(request.Process);
        IReadOnlyList<IDomainEvent> raised;
        using (await process.Gate.EnterAsync(ct))
        {
            containers.Check(request.Process.Container, c => c.CheckStart(request.Process));
            var isSandboxes = request.Process.IsInit
                && containers.Read(request.Process.Container, c => c.Kind) != ContainerKind.PodContainer;
            // Some container managers set the network up between Create's answer and this, or have a hook do it; until
            // now it was theirs.
            if (isSandboxes)
                await networking.ConnectNewAsync(ct);
            if (request.Process.IsInit)
                await names.EnsureAsync(ct);
            ct.ThrowIfCancellationRequested();
            raised = await StartAsync(process);
        }

        await publisher.PublishAsync(raised);
        var (pid, bundle) = containers.Read(request.Process.Container, c => (c.Pid, c.Bundle));
        if (request.Process.IsInit && containers.Find(request.Process.Container).Spec?.Hooks is { } wanted)
            await hooks.RunAsync(
                HookStage.Poststart, wanted.Poststart,
                new HookState(request.Process.Container, bundle, pid, "running"), ct);
        return new StartProcessReply(pid);
    }

    // The guest call is the point of no return: a caller that leaves must not turn a process that runs into one that
    // failed.
    private async Task<IReadOnlyList<IDomainEvent>> StartAsync(LiveProcess process)
    {
        var id = process.Ref.Container;
        IGuestAgent agent;
        IReadOnlyList<IDomainEvent> raised;
        try
        {
            agent = sandbox.RequireReady().Agent;
            process.IsStarting = true;
            if (process.Ref.IsInit)
                await agent.StartAsync(id, CancellationToken.None);
            else
                await agent.ExecAsync(process.Ref, process.ExecSpec!, CancellationToken.None);
            raised = containers.Change(id, c => c.RecordStart(process.Ref));
        }
        catch (Exception e)
        {
            containers.Change(id, c => c.RecordStartFailure(process.Ref, time.GetUtcNow()));
            process.EndOutputs();
            if (!process.Ref.IsInit && e is KataException { Kind: ErrorKind.DeadlineExceeded })
                _ = KillLateAsync(process.Ref);
            throw;
        }

        var (terminal, size) = containers.Read(
            id, c => (c.Find(process.Ref).Stdio.Terminal, c.Find(process.Ref).WantedSize));
        if (terminal && size is { } wanted)
            await ResizeAsync(agent, process.Ref, wanted);
        watchers.Watch(process, terminal, agent);
        return raised;
    }

    // The guest may have started it and said so too late: it would run on, and nobody here would know of it.
    private async Task KillLateAsync(ProcessRef exec)
    {
        try
        {
            await sandbox.RequireReady().Agent.SignalAsync(exec, Signal.Kill, all: false, CancellationToken.None);
        }
        catch (KataException)
        {
            // It has never begun, or has gone with its container or machine.
        }
    }

    private static async Task ResizeAsync(IGuestAgent agent, ProcessRef process, TerminalSize size)
    {
        try
        {
            await agent.ResizeAsync(process, size, CancellationToken.None);
        }
        catch (KataException)
        {
            // A process that has ended already needs no size; anything worse shows in its wait.
        }
    }
}
