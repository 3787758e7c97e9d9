using Kata.Core.Application.Ports;
using Kata.Core.Application.State;

namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Opens the pod's network namespace, or makes a private one.</summary>
internal sealed class OpenNamespace(ISandboxNetwork networks) : IBootStep
{
    // More pairs of queues than this cost memory and gain nothing that was ever measured.
    private const int MaxQueues = 8;

    public string Phase => "namespace";

    public async Task RunAsync(BootContext boot, CancellationToken ct)
    {
        var path = PodNetwork.NamespaceOf(boot.Spec);
        boot.HasPodNetwork = path is not null;
        var links = boot.Links = await networks.OpenAsync(path, Options(boot), boot.Ledger, ct);
        boot.Sandbox.Hold(ReleaseOrder.Network, (_, _) => links.DisposeAsync().AsTask());
    }

    private static NetworkOptions Options(BootContext boot) => new(
        boot.Sandbox.Id,
        boot.Settings.Interworking,
        boot.Settings.Hypervisor.NetworkQueues is > 0 and var queues
            ? queues
            : Math.Min(boot.Machine.Size.Present.Vcpus, MaxQueues));
}
