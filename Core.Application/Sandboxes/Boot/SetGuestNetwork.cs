namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Gives the guest the addresses and routes of the links that it was launched with.</summary>
internal sealed class SetGuestNetwork : IBootStep
{
    public string Phase => "guest-network";

    public bool IsNeeded(BootContext boot) => boot.Network.Guest.Interfaces.Count > 0;

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        await boot.Agent.ApplyNetworkAsync(boot.Network.Guest, ct);
        boot.Machine.Nics.RecordApplied(boot.Network.Guest);
    }
}
