using Kata.Core.Application.Ports;
using Kata.Core.Domain;
using Kata.Core.Domain.Containers;
using Kata.Core.Domain.Oci;
using Proto = Kata.Platform.Protos.Agent;

namespace Kata.Adapters.Vsock.Agent;

internal sealed partial class TtrpcAgent
{
    public async Task CreateAsync(GuestContainerSpec spec, CancellationToken ct)
    {
        var init = new ProcessRef(spec.Id);
        _streams.Begin(init, spec.Oci.Process?.Terminal ?? false);
        try
        {
            await CallAsync(
                "CreateContainer", o =>
                    _agent.CreateContainerAsync(AgentMapping.ToProto(spec), o), ct, ProgramOf(spec.Oci.Process));
        }
        catch
        {
            _streams.Forget(init);
            throw;
        }
    }

    public Task StartAsync(ContainerId id, CancellationToken ct) =>
        CallAsync(
            "StartContainer", o =>
                _agent.StartContainerAsync(new Proto.StartContainerRequest { ContainerId = id.Value }, o), ct);

    public Task PauseAsync(ContainerId id, CancellationToken ct) =>
        CallAsync(
            "PauseContainer", o =>
                _agent.PauseContainerAsync(new Proto.PauseContainerRequest { ContainerId = id.Value }, o), ct);

    public Task ResumeAsync(ContainerId id, CancellationToken ct) =>
        CallAsync(
            "ResumeContainer", o =>
                _agent.ResumeContainerAsync(new Proto.ResumeContainerRequest { ContainerId = id.Value }, o), ct);

    public Task UpdateAsync(ContainerId id, OciResources resources, CancellationToken ct)
    {
        var request = new Proto.UpdateContainerRequest
        {
            ContainerId = id.Value,
            Resources = OciMapping.ToProto(resources)
        };
        return CallAsync("UpdateContainer", o => _agent.UpdateContainerAsync(request, o), ct);
    }

    public async Task<ContainerStats> StatsAsync(ContainerId id, CancellationToken ct) =>
        AgentMapping.FromProto(
            await CallAsync(
                "StatsContainer", o =>
                    _agent.StatsContainerAsync(new Proto.StatsContainerRequest { ContainerId = id.Value }, o), ct));

    public async Task RemoveAsync(ContainerId id, CancellationToken ct)
    {
        try
        {
            await CallAsync(
                "RemoveContainer", o =>
                    _agent.RemoveContainerAsync(new Proto.RemoveContainerRequest { ContainerId = id.Value }, o), ct);
        }
        catch (KataException e) when (e.Kind == ErrorKind.NotFound)
        {
            // Already gone.
        }

        _streams.Forget(id);
    }

    // What a failure to make the process is told with.
    private static string ProgramOf(OciProcess? process) => process?.Args is [var first, ..] ? first : "";
}
