using Kata.Core.Application.Ports;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Takes the state directory, its lock and its ledger.</summary>
internal sealed class ClaimState(ISandboxStore store) : IBootStep
{
    public string Phase => "claim";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        boot.Ledger = await store.ClaimAsync(boot.Sandbox.Id, boot.Sandbox.Owner, ct);
        boot.Sandbox.Claim(boot.Ledger);
    }
}
