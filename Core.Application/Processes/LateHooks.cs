using Kata.Core.Application.Ports;
using Kata.Core.Application.Sandboxes;
using Kata.Core.Domain;
using Kata.Core.Domain.Oci;
using Microsoft.Extensions.Logging;

namespace Kata.Core.Application.Processes;

/// <summary>
/// Runs the hooks after a container's start and after its deletion. As the OCI runtime specification has it, the
/// failure of one of these is logged and no more.
/// </summary>
internal sealed class LateHooks(IHookRunner hooks, ILogger<LateHooks> log)
{
    /// <summary>Runs them, if there are any.</summary>
    public async Task RunAsync(HookStage stage, IReadOnlyList<OciHook> wanted, HookState state, CancellationToken ct)
    {
        if (wanted.Count == 0)
            return;
        try
        {
            await hooks.RunAsync(stage, wanted, state, ct);
        }
        catch (KataException e)
        {
            BootLog.HookFailed(log, stage.ToString(), state.Container.Value, e.Message);
        }
    }
}
