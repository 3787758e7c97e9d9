using Kata.Core.Application.Messaging;
using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Kata.Core.Domain.Sandboxes;
using Kata.Core.Domain.Storage;
using MediatR;

namespace Kata.Core.Application.Sandboxes;

/// <summary>
/// Releases what a dead shim left of the sandbox that a container belongs to. Harmless and quick when there is nothing
/// to do, when the shim lives, and when several run at once.
/// </summary>
public sealed record CleanUpSandbox(ContainerId Id, HostPath? Bundle) : ICommand<CleanUpSandboxReply>;

/// <summary>How the container is taken to have ended.</summary>
public sealed record CleanUpSandboxReply(ExitStatus Exit);

internal sealed class CleanUpSandboxHandler(
    ISandboxStore store, IBundleReader bundles, SandboxTeardown teardown, TimeProvider time)
    : IRequestHandler<CleanUpSandbox, CleanUpSandboxReply>
{
    // The container manager kills its delete binary after 5 s.
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    public async Task<CleanUpSandboxReply> Handle(CleanUpSandbox request, CancellationToken ct)
    {
        using var budget = new CancellationTokenSource(Budget, time);
        var sandbox = await FindSandboxAsync(request, budget.Token);
        var found = await store.TakeOverAsync(sandbox, budget.Token);
        if (found.Ledger is { } ledger)
        {
            var left = await teardown.ReleaseAsync(ledger, Budget, budget.Token);
            if (left.Length > 0)
                throw SandboxErrors.NotReleased(sandbox, left, null);
            await store.DeleteAsync(sandbox, budget.Token);
        }

        return new CleanUpSandboxReply(new ExitStatus(ExitStatus.Killed, time.GetUtcNow()));
    }

    private async Task<SandboxId> FindSandboxAsync(CleanUpSandbox request, CancellationToken ct)
    {
        if (request.Bundle is { } bundle)
        {
            try
            {
                var spec = await bundles.ReadAsync(bundle, ct);
                return ContainerAnnotations.Classify(spec.Annotations, request.Id.Value).Sandbox;
            }
            catch (KataException)
            {
                // A bundle that is gone or broken must not keep the rest from being cleaned up.
            }
        }

        return SandboxId.Parse(request.Id.Value);
    }
}
