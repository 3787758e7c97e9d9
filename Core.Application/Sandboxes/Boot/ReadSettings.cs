using Kata.Core.Application.Ports;
using Kata.Core.Application.Settings;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>
/// Reads the settings for this pod; from here on their time limit holds, and the machine's size is known.
/// </summary>
internal sealed class ReadSettings(ISettingsSource source, SandboxSizer sizer) : IBootStep
{
    public string Phase => "settings";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        boot.Settings = RuntimeSettingsValidator.Require(
            await source.ReadAsync(boot.Creation.Options, boot.Spec.Annotations, ct));
        boot.Creation.Limits.Begin(boot.Settings);
        boot.Machine = sizer.Design(boot.Settings, boot.Spec);
    }
}
