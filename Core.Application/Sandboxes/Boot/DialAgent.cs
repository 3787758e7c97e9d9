using Kata.Core.Application.Ports;
using Kata.Core.Application.State;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Dials the agent until it answers. Its time limit holds for the steps after it in the guest too.</summary>
internal sealed class DialAgent(IGuestAgentConnector connector) : IBootStep
{
    public string Phase => "agent";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        boot.Creation.Limits.BeginDial(boot.Settings.Guest.DialTimeout);
        var agent = boot.Agent = await connector.ConnectAsync(boot.Vm.Guest, ct);
        boot.Sandbox.Hold(ReleaseOrder.AgentConnection, (_, _) => agent.DisposeAsync().AsTask());
    }
}
