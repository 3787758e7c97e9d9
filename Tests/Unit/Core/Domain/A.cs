using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;

namespace Kata.Tests.Unit.Core.Domain;

/// <summary>Aggregates in a given state.</summary>
internal static class A
{
    private static readonly DateTimeOffset Then = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static Sandbox Sandbox(SandboxState state)
    {
        var sandbox = new Sandbox(SandboxId.Parse("pod"));
        if (state == SandboxState.Stopped)
            sandbox.BeginStop();
        if (state is SandboxState.New or SandboxState.Stopped)
            return sandbox;
        sandbox.BeginBoot();
        if (state == SandboxState.Broken)
            sandbox.RecordBootFailure();
        if (state is SandboxState.Ready or SandboxState.Stopping)
            sandbox.RecordGuestAnswer();
        if (state == SandboxState.Stopping)
            sandbox.BeginStop();
        return sandbox;
    }

    public static Container Container(ContainerState state)
    {
        var container = new Container(
            ContainerId.Parse("box"), ContainerKind.Single, HostPath.Parse("/bundles/box", "bundle"), [], Stdio.None);
        if (state == ContainerState.Creating)
            return container;
        container.RecordCreation(7);
        if (state == ContainerState.Created)
            return container;
        container.RecordStart(container.Init.Ref);
        if (state == ContainerState.Paused)
            container.RecordPause();
        if (state is ContainerState.Stopped or ContainerState.Deleted)
            container.RecordExit(container.Init.Ref, new ExitStatus(0, Then));
        if (state == ContainerState.Deleted)
            container.Delete(container.Init.Ref, Then);
        return container;
    }

    public static (Container Container, Process Exec) Exec(ProcessState state)
    {
        var container = Container(ContainerState.Running);
        var exec = ProcessRef.Parse("box", "e");
        container.AddExec(exec, Stdio.None);
        var process = container.Find(exec);
        if (state is ProcessState.Running or ProcessState.Exited)
            container.RecordStart(exec);
        if (state == ProcessState.Exited)
            container.RecordExit(exec, new ExitStatus(0, Then));
        return (container, process);
    }
}
