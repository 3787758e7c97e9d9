using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>Where a process is in its life, from what is known here: the guest is not asked.</summary>
public sealed record GetProcessState(ProcessRef Process) : IQuery<GetProcessStateReply>;

/// <summary>A process's state as container managers count it.</summary>
public enum ProcessStatus
{
    /// <summary>Prepared, not run.</summary>
    Created,

    /// <summary>Runs.</summary>
    Running,

    /// <summary>Ended.</summary>
    Stopped,

    /// <summary>Frozen.</summary>
    Paused,
}

/// <summary>The answer.</summary>
public sealed record GetProcessStateReply(
    HostPath Bundle, int Pid, ProcessStatus Status, Stdio Stdio, ExitStatus? Exit);

internal sealed class GetProcessStateHandler(
    ContainerRegistry containers) : IRequestHandler<GetProcessState, GetProcessStateReply>
{
    public Task<GetProcessStateReply> Handle(GetProcessState request, CancellationToken ct) =>
        Task.FromResult(containers.Read(request.Process.Container, c => Describe(c, request.Process)));

    private static GetProcessStateReply Describe(Container container, ProcessRef reference)
    {
        // A container that is still being created has not been told to anybody.
        if (container.State == ContainerState.Creating)
            throw ContainerErrors.NotFound(container.Id);
        var process = container.Find(reference);
        return new GetProcessStateReply(
            container.Bundle, container.Pid, StatusOf(container, process), process.Stdio, process.Exit);
    }

    private static ProcessStatus StatusOf(Container container, Process process) => process.State switch
    {
        ProcessState.Added when container.State is not ContainerState.Stopped => ProcessStatus.Created,
        ProcessState.Running when container.State is ContainerState.Paused => ProcessStatus.Paused,
        ProcessState.Running => ProcessStatus.Running,
        _ => ProcessStatus.Stopped,
    };
}
