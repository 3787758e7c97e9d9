using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>
/// The processes of a container as the host sees them: the one pid that stands for it, and its execs. Never empty for a
/// container that exists, or a daemon takes the container for leaked.
/// </summary>
public sealed record ListProcesses(ContainerId Id) : IQuery<ListProcessesReply>;

/// <summary>A process: the host pid, and the exec it stands for, if it is one.</summary>
public sealed record ListedProcess(int Pid, ExecId? Exec);

/// <summary>The answer.</summary>
public sealed record ListProcessesReply(IReadOnlyList<ListedProcess> Processes);

internal sealed class ListProcessesHandler(
    ContainerRegistry containers) : IRequestHandler<ListProcesses, ListProcessesReply>
{
    public Task<ListProcessesReply> Handle(ListProcesses request, CancellationToken ct) =>
        Task.FromResult(containers.Read(request.Id, c => new ListProcessesReply(
        [
            new ListedProcess(c.Pid, null),
            .. c.Execs.Where(e => e.State == ProcessState.Running).Select(e => new ListedProcess(c.Pid, e.Ref.Exec)),
        ])));
}
