using Kata.Core.Application.Messaging;
using MediatR;

namespace Kata.Core.Application.Sandboxes;

/// <summary>Ends the sandbox with everything in it; idempotent.</summary>
public sealed record StopSandbox : ICommand<Done>;

internal sealed class StopSandboxHandler(SandboxStopper stopper) : IRequestHandler<StopSandbox, Done>
{
    public async Task<Done> Handle(StopSandbox request, CancellationToken ct)
    {
        await stopper.StopAsync().WaitAsync(ct);
        return Done.Value;
    }
}
