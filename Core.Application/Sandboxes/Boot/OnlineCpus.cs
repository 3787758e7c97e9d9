namespace Kata.Core.Application.Sandboxes.Boot;

/// <summary>Has the guest use the vCPUs that it does not begin with.</summary>
internal sealed class OnlineCpus : IBootStep
{
    public string Phase => "online-cpus";

    public bool IsNeeded(BootContext boot) => boot.Machine.Size.Present.Vcpus > 1;

    public Task RunAsync(BootContext boot, CancellationToken ct) =>
        boot.Agent.OnlineResourcesAsync(boot.Machine.Size.Present, ct);
}
