using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Ends a process's input. Answers at once: what the client has written still reaches the process before its end does.
/// </summary>
public sealed record CloseStdin(ProcessRef Process) : ICommand<Done>;

internal sealed class CloseStdinHandler(ContainerRegistry containers) : IRequestHandler<CloseStdin, Done>
{
    public Task<Done> Handle(CloseStdin request, CancellationToken ct)
    {
        containers.Find(request.Process).Pipes.CloseStdin();
        return Task.FromResult(Done.Value);
    }
}
