namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Connects a tap to each link that is in the namespace now.</summary>
internal sealed class AttachLinks : IBootStep
{
    public string Phase => "network";

    public async Task RunAsync(BootContext boot, CancellationToken ct) =>
        boot.Network = await boot.Links.AttachAsync(ct);
}
