using Kata.Core.Application.Ports;
using Kata.Core.Application.State;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Makes the shared directory and starts the file daemon that serves it.</summary>
internal sealed class StartShare(ISharedFilesystem shares) : IBootStep
{
    public string Phase => "share";

    public bool IsNeeded(BootContext boot) => boot.Settings.Hypervisor.SharedFs != "none";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        var share = boot.Share = await shares.StartAsync(
            boot.Sandbox.Id, boot.Settings.Hypervisor, boot.Placement, boot.Ledger, ct);
        boot.Sandbox.Hold(ReleaseOrder.SharedDirectory, (_, limit) => share.StopAsync(limit));
    }
}
