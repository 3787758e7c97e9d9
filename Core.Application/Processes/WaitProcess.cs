using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>Waits for the end of a process. Changes nothing: any number of waiters get the same answer.</summary>
public sealed record WaitProcess(ProcessRef Process) : IQuery<WaitProcessReply>, IUnbounded;

/// <summary>How it ended.</summary>
public sealed record WaitProcessReply(ExitStatus Exit);

internal sealed class WaitProcessHandler(ContainerRegistry containers) : IRequestHandler<WaitProcess, WaitProcessReply>
{
    public async Task<WaitProcessReply> Handle(WaitProcess request, CancellationToken ct) =>
        new(await containers.Find(request.Process).Exited.WaitAsync(ct));
}
