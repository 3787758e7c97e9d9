using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Kata.Adapters.Shimv2.Tasks;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Platform.Protos.Containerd.Events;
using Kata.Platform.Protos.Containerd.Types;

namespace Kata.Adapters.Shimv2.Events;

/// <summary>A domain event as containerd takes it.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Event">The message.</param>
/// <param name="IsExit">It is an exit, without which a task never ends for the daemon.</param>
internal sealed record TaskEvent(string Topic, Any Event, bool IsExit = false);

/// <summary>From events to containerd's topics and messages.</summary>
internal static class TaskEventMapping
{
    /// <summary>The event for containerd of a domain event, or null for one that is not forwarded.</summary>
    public static TaskEvent? ToEvent(IDomainEvent domainEvent) => domainEvent switch
    {
        ContainerCreated f => Event("/tasks/create", "containerd.events.TaskCreate", Created(f)),
        ContainerStarted f =>
            Event(
                "/tasks/start", "containerd.events.TaskStart",
                new TaskStart { ContainerId = f.Container.Value, Pid = (uint)f.Pid }),
        ContainerPaused f =>
            Event("/tasks/paused", "containerd.events.TaskPaused", new TaskPaused { ContainerId = f.Container.Value }),
        ContainerResumed f =>
            Event(
                "/tasks/resumed", "containerd.events.TaskResumed", new TaskResumed { ContainerId = f.Container.Value }),
        ContainerOutOfMemory f =>
            Event("/tasks/oom", "containerd.events.TaskOOM", new TaskOOM { ContainerId = f.Container.Value }),
        ContainerDeleted f => Event("/tasks/delete", "containerd.events.TaskDelete", new TaskDelete
        {
            ContainerId = f.Container.Value,
            Pid = (uint)f.Pid,
            ExitStatus = (uint)f.Exit.Code,
            ExitedAt = Timestamp.FromDateTimeOffset(f.Exit.At),
        }),
        ExecAdded f => Event("/tasks/exec-added", "containerd.events.TaskExecAdded", new TaskExecAdded
        {
            ContainerId = f.Process.Container.Value,
            ExecId = f.Process.Exec!.Value,
        }),
        ExecStarted f => Event("/tasks/exec-started", "containerd.events.TaskExecStarted", new TaskExecStarted
        {
            ContainerId = f.Process.Container.Value,
            ExecId = f.Process.Exec!.Value,
            Pid = (uint)f.Pid,
        }),
        ProcessExited f => Event("/tasks/exit", "containerd.events.TaskExit", new TaskExit
        {
            ContainerId = f.Process.Container.Value,
            Id = f.Process.Exec?.Value ?? f.Process.Container.Value,
            Pid = (uint)f.Pid,
            ExitStatus = (uint)f.Exit.Code,
            ExitedAt = Timestamp.FromDateTimeOffset(f.Exit.At),
        }) with
        {
            IsExit = true
        },
        _ => null,
    };

    private static TaskCreate Created(ContainerCreated domainEvent)
    {
        var message = new TaskCreate
        {
            ContainerId = domainEvent.Container.Value,
            Bundle = domainEvent.Bundle.Value,
            Pid = (uint)domainEvent.Pid,
            Io = new TaskIO
            {
                Stdin = domainEvent.Stdio.Stdin,
                Stdout = domainEvent.Stdio.Stdout,
                Stderr = domainEvent.Stdio.Stderr,
                Terminal = domainEvent.Stdio.Terminal
            },
        };
        foreach (var mount in domainEvent.Rootfs)
            message.Rootfs.Add(
                new Mount
                {
                    Type = mount.Type,
                    Source = mount.Source,
                    Target = mount.Target,
                    Options = { mount.Options }
                });
        return message;
    }

    private static TaskEvent Event(string topic, string type, IMessage message) =>
        new(topic, TypeUrl.Pack(type, message));
}
