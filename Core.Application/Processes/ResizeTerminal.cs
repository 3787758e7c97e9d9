using Kata.Core.Application.Messaging;
using Kata.Core.Application.State;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using MediatR;

namespace Kata.Core.Application.Processes;

/// <summary>Sets the size of a process's terminal; one that does not run yet gets it at its start.</summary>
public sealed record ResizeTerminal(ProcessRef Process, TerminalSize Size) : ICommand<Done>;

internal sealed class ResizeTerminalHandler(
    LiveSandbox sandbox, ContainerRegistry containers) : IRequestHandler<ResizeTerminal, Done>
{
    public async Task<Done> Handle(ResizeTerminal request, CancellationToken ct)
    {
        var reaches = containers.Read(request.Process.Container,
            c => c.ResizeReachesGuest(request.Process, request.Size) && c.Find(request.Process).Stdio.Terminal);
        if (!reaches)
            return Done.Value;
        try
        {
            await sandbox.RequireReady().Agent.ResizeAsync(request.Process, request.Size, ct);
        }
        catch (KataException e) when (e.Kind is ErrorKind.NotFound or ErrorKind.Unavailable)
        {
            // It has just ended.
        }

        return Done.Value;
    }
}
