using Kata.Core.Application.Volumes;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Prepares the root of the container that the sandbox boots for, while its guest boots.</summary>
internal sealed class PrepareRoot(RootPreparer roots) : IBootStep
{
    public string Phase => "prepare";

    public async Task RunAsync(BootContext boot, CancellationToken ct) =>
        await roots.PrepareAsync(boot.Creation, boot.Settings, boot.Share, boot.Ledger, ct);
}
