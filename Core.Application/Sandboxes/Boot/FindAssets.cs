using Kata.Core.Application.Ports;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Finds kernel and initrd or image.</summary>
internal sealed class FindAssets(IBootAssets assets) : IBootStep
{
    public string Phase => "assets";

    public async Task RunAsync(BootContext boot, CancellationToken ct) =>
        boot.Assets = await assets.FindAsync(boot.Settings.Hypervisor, ct);
}
